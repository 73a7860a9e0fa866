"""Pictures for viewers that show neither SEG nor maps."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from services.writer.overlay import MAX_PANEL, render_overlay
from shared.dicom.pixels import middle_of, read_frames
from tests import factories
from tests.services.writer.samples import LESION, SPEC, build, findings_for


def _picture(source_pixels: np.ndarray, **changes: object) -> np.ndarray:
    source = factories.rgb_photo(source_pixels)
    found = dataclasses.replace(findings_for(source), **changes)  # type: ignore[arg-type]
    return render_overlay(found, middle_of(source_pixels[None]), SPEC)


@pytest.mark.parametrize("shape", [(16, 24), (120, 160), (3000, 2000), (40, 1000), (1000, 40)])
def test_small_and_large_images_give_a_readable_picture(shape: tuple[int, int]) -> None:
    picture = _picture(np.full((*shape, 3), 120, np.uint8), maps=())
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert 512 <= picture.shape[1] <= MAX_PANEL
    assert picture.shape[0] <= MAX_PANEL + 600


def test_contours_have_the_colour_of_their_segment() -> None:
    colour = np.array(SPEC.segments[1].colour)
    pixels = factories.lesion_photo()
    with_lesion = (_picture(pixels) == colour).all(axis=-1).sum()
    found = findings_for(factories.rgb_photo())
    masks = {**found.masks, LESION: np.zeros_like(found.masks[LESION])}
    without = (_picture(pixels, masks=masks) == colour).all(axis=-1).sum()
    assert with_lesion > without + 200  # the legend's swatch stays


def test_a_map_changes_the_picture_where_it_is_high() -> None:
    pixels = factories.lesion_photo()
    source = factories.rgb_photo()
    found = dataclasses.replace(findings_for(source), masks={})
    one = found.maps[0]
    low = dataclasses.replace(one, values=np.zeros_like(one.values))
    high = dataclasses.replace(one, values=np.ones_like(one.values))
    dark = _picture(pixels, masks={}, maps=(low,))
    bright = _picture(pixels, masks={}, maps=(high,))
    assert bright[:300].mean() > dark[:300].mean() + 20


def test_the_middle_frame_of_a_stack_is_drawn_and_named(tmp_path: Path) -> None:
    source = factories.byte_stack()
    found = findings_for(source)
    pixels = read_frames(factories.save(source, tmp_path / "one.dcm")).pixels
    picture = render_overlay(found, middle_of(pixels), SPEC)
    changed = pixels.copy()
    changed[0] = 0  # not the middle frame
    np.testing.assert_array_equal(render_overlay(found, middle_of(changed), SPEC), picture)
    changed = pixels.copy()
    changed[2] = 0
    assert (render_overlay(found, middle_of(changed), SPEC) != picture).any()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_grayscale_is_stretched_to_what_can_be_seen(dtype: type[np.generic]) -> None:
    source = factories.byte_stack()
    pixels = (factories.layered_stack().astype(np.float64) * 100 + 1000).astype(dtype)
    found = dataclasses.replace(findings_for(source), maps=(), masks={})
    picture = render_overlay(found, middle_of(pixels), SPEC)[:300, :500]
    assert picture.min() < 20
    assert picture.max() > 235


def test_the_picture_is_stored_as_a_secondary_capture(tmp_path: Path) -> None:
    source = factories.jpeg_photo()
    built = {one.role: one for one in build(source, tmp_path)}
    dataset = dcmread(io.BytesIO(built["sc"].content))
    pixels = read_frames(tmp_path / f"{source.SOPInstanceUID}.dcm").pixels
    expected = render_overlay(findings_for(source), middle_of(pixels), SPEC)
    np.testing.assert_array_equal(dataset.pixel_array, expected)
    assert dataset.LossyImageCompression == "01"
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "Research use only" in dataset.DerivationDescription
