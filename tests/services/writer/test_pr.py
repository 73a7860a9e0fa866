"""Contours as a presentation state, drawn again by another library and laid over the mask."""

import io
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ColorSoftcopyPresentationStateStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

from services.writer import pr as pr_module
from services.writer.pr import contours_of
from services.writer.results import BuiltResult
from shared.dicom.manifest import instance_manifest
from tests import factories
from tests.conformance.inputs import palette_photo, profiled_photo, series_of
from tests.services.writer.samples import (
    LESION,
    SKIN,
    build,
    build_series,
    frame_shape,
    sample_masks,
)


def _pr(results: list[BuiltResult]) -> Dataset:
    return dcmread(io.BytesIO(next(one.content for one in results if one.role == "pr")))


def _contours(source: Dataset, folder: Path) -> Dataset:
    return _pr(build_series([source], folder, extra_roles={"pr"}))


def _filled(outlines: list[npt.NDArray[np.float64]], shape: tuple[int, int]) -> Image.Image:
    """Return the outlines as Pillow fills them, ten times as large; 10 for each pixel."""
    canvas = Image.new("1", (10 * shape[1], 10 * shape[0]))
    draw = ImageDraw.Draw(canvas)
    for points in outlines:
        draw.polygon([(10 * x, 10 * y) for x, y in points], fill=1)
    return canvas


def _points(annotation: Dataset) -> list[npt.NDArray[np.float64]]:
    return [
        np.reshape(np.asarray(one.GraphicData, np.float64), (-1, 2))
        for one in annotation.GraphicObjectSequence
    ]


def test_contours_are_written_only_where_the_site_wants_them(tmp_path: Path) -> None:
    assert all(one.role != "pr" for one in build(factories.rgb_photo(), tmp_path))


def test_each_outline_of_each_frame_lies_on_the_edge_of_its_mask(tmp_path: Path) -> None:
    source = factories.byte_stack()
    frames, rows, columns = frame_shape(source)
    masks = sample_masks(frames, rows, columns)
    dataset = _contours(source, tmp_path)

    annotations = dataset.GraphicAnnotationSequence
    assert len(annotations) == 2 * frames
    for one in annotations:
        number = {"SKIN 1": SKIN, "SKIN LESION 2": LESION}[one.GraphicLayer]
        frame = one.ReferencedImageSequence[0].ReferencedFrameNumber - 1
        mask = masks[number][frame].astype(np.uint8)
        drawn = np.asarray(_filled(_points(one), (rows, columns)))
        # Well inside the mask all is filled, well outside of it nothing.
        kernel = np.ones((3, 3), np.uint8)
        inside = cv2.erode(mask, kernel, borderValue=0).repeat(10, 0).repeat(10, 1)
        outside = cv2.dilate(mask, kernel).repeat(10, 0).repeat(10, 1) == 0
        assert drawn[inside == 1].all()
        assert not drawn[outside].any()


def test_a_single_pixel_has_an_outline_in_its_middle() -> None:
    mask = np.zeros((5, 9), np.bool_)
    mask[2, 6] = True
    (outline,) = contours_of(mask)
    assert outline.mean(axis=0) == pytest.approx([6.5, 2.5], abs=0.1)
    assert (outline[0] == outline[-1]).all()
    assert len(outline) > 3
    assert outline.min(axis=0).tolist() == [6.25, 2.25]
    assert outline.max(axis=0).tolist() == [6.75, 2.75]


def test_a_hole_has_an_outline_of_its_own() -> None:
    mask = np.zeros((12, 12), np.bool_)
    mask[1:11, 1:11] = True
    mask[4:8, 4:8] = False
    assert len(contours_of(mask)) == 2


def test_long_outlines_come_in_pieces_that_share_their_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    yy, xx = np.mgrid[:80, :80]
    mask = (yy - 40) ** 2 + (xx - 40) ** 2 < 900
    (whole,) = contours_of(mask)
    monkeypatch.setattr(pr_module, "MAX_POINTS", 7)
    pieces = contours_of(mask)
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= 7
    assert all((a[-1] == b[0]).all() for a, b in pairwise(pieces))
    assert np.concatenate([pieces[0], *(one[1:] for one in pieces[1:])]).tolist() == whole.tolist()


def test_grey_images_keep_their_window_and_polarity(tmp_path: Path) -> None:
    stack = factories.byte_stack()
    stack.WindowCenter, stack.WindowWidth = 100, 80
    dataset = _contours(stack, tmp_path)
    assert dataset.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage
    (window,) = dataset.SoftcopyVOILUTSequence
    assert (window.WindowCenter, window.WindowWidth) == (100, 80)
    assert dataset.PresentationLUTShape == "IDENTITY"
    (inverted,) = series_of("SC, MONOCHROME1")
    assert _contours(inverted, tmp_path).PresentationLUTShape == "INVERSE"


def test_colours_keep_their_profile_as_one_of_the_input_class(tmp_path: Path) -> None:
    own = profiled_photo()
    kept = _contours(own, tmp_path)
    assert kept.SOPClassUID == ColorSoftcopyPresentationStateStorage
    assert kept.ICCProfile[12:16] == b"scnr"
    assert kept.ICCProfile[128:] == own.ICCProfile[128:]
    for source in (factories.rgb_photo(), palette_photo()):
        dataset = _contours(source, tmp_path)
        assert dataset.ColorSpace == "SRGB"
        assert dataset.ICCProfile[12:16] == b"scnr"


def test_slices_of_a_series_share_one_state_that_refers_to_each(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    dataset = _pr(build_series(series, tmp_path, extra_roles={"pr"}))
    (referenced,) = dataset.ReferencedSeriesSequence
    uids = [one.SOPInstanceUID for one in series]
    assert [one.ReferencedSOPInstanceUID for one in referenced.ReferencedImageSequence] == uids
    for one in dataset.GraphicAnnotationSequence:
        (image,) = one.ReferencedImageSequence
        assert image.ReferencedSOPInstanceUID in uids
        assert "ReferencedFrameNumber" not in image
    assert instance_manifest(dataset).is_own_result


def test_floating_point_maps_have_no_presentation_state(tmp_path: Path) -> None:
    (source,) = series_of("LSCI map, Parametric Map")
    assert "pr" not in {one.role for one in build_series([source], tmp_path, extra_roles={"pr"})}
