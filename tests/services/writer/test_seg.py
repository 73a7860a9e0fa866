"""Segmentations, read back by highdicom."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from services.writer.geometry import geometry_note, has_planes, neutral_copy
from tests import factories
from tests.services.writer.samples import LESION, SKIN, SPEC, build, findings_for
from workers.findings import Findings


def _seg(source: Dataset, folder: Path, findings: Findings | None = None) -> hd.seg.Segmentation:
    built = {one.role: one for one in build(source, folder, findings)}
    return hd.seg.segread(io.BytesIO(built["seg"].content))


def _mask(seg: hd.seg.Segmentation, source: Dataset, number: int) -> np.ndarray:
    frames = list(range(1, int(source.get("NumberOfFrames") or 1) + 1))
    masks: np.ndarray = seg.get_pixels_by_source_frame(
        source.SOPInstanceUID,
        frames,
        segment_numbers=[number],
        assert_missing_frames_are_empty=True,
        ignore_spatial_locations=True,
    )
    return masks[..., 0].astype(np.bool_)


def _placed_stack() -> Dataset:
    """Return a stack with true geometry: rows run into depth, frames 5 µm apart."""
    source = factories.byte_stack()
    placed = neutral_copy(source, "1.2.3.4", int(source.NumberOfFrames))
    placed.PixelData = source.PixelData
    shared = placed.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    shared.PixelMeasuresSequence[0].PixelSpacing = [0.001, 0.002]
    for index, group in enumerate(placed.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, round(0.005 * index, 3), 0]
    return placed


@pytest.mark.parametrize(
    "source",
    [
        factories.rgb_photo(),
        factories.jpeg_photo(),
        factories.sc_photo(),
        factories.bscan(),
        factories.byte_stack(),
        factories.byte_stack(factories.layered_stack(frames=1)),
        factories.word_stack(),
        factories.confocal(),
        _placed_stack(),
    ],
    ids=lambda one: f"{one.SeriesDescription}-{one.get('NumberOfFrames')}",
)
def test_masks_come_back_frame_by_frame(tmp_path: Path, source: Dataset) -> None:
    seg = _seg(source, tmp_path)
    expected = findings_for(source).masks
    if "NumberOfFrames" not in source:
        pixels = seg.get_pixels_by_source_instance([source.SOPInstanceUID])
        got = [pixels[..., k].astype(np.bool_) for k in range(2)]
    else:
        got = [_mask(seg, source, number) for number in (1, 2)]
    np.testing.assert_array_equal(got[0], expected[SKIN])
    np.testing.assert_array_equal(got[1], expected[LESION])


def test_empty_segments_are_left_out_and_the_others_renumbered(tmp_path: Path) -> None:
    source = factories.rgb_photo()
    found = findings_for(source)
    masks = {**found.masks, SKIN: np.zeros_like(found.masks[SKIN])}
    seg = _seg(source, tmp_path, dataclasses.replace(found, masks=masks))
    assert [one.SegmentLabel for one in seg.SegmentSequence] == ["Skin lesion"]
    assert [one.SegmentNumber for one in seg.SegmentSequence] == [1]


def test_segments_carry_code_colour_and_algorithm(tmp_path: Path) -> None:
    seg = _seg(factories.rgb_photo(), tmp_path)
    lesion = seg.SegmentSequence[1]
    assert lesion.SegmentedPropertyTypeCodeSequence[0].CodeValue == SPEC.segments[1].type.value
    assert len(lesion.RecommendedDisplayCIELabValue) == 3
    algorithm = lesion.SegmentationAlgorithmIdentificationSequence[0]
    assert "weights_sha256=" in algorithm.AlgorithmParameters
    assert lesion.SegmentAlgorithmType == "AUTOMATIC"


def test_a_photo_gets_planes_but_no_invented_frame_of_reference(tmp_path: Path) -> None:
    seg = _seg(factories.rgb_photo(), tmp_path)
    assert "FrameOfReferenceUID" not in seg
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [1, 1]
    assert "1 mm stands for 1 pixel" in seg.ContentDescription
    for group in seg.PerFrameFunctionalGroupsSequence:
        assert "PlanePositionSequence" in group
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == factories.rgb_photo().SOPInstanceUID


def test_a_calibrated_photo_keeps_its_spacing(tmp_path: Path) -> None:
    seg = _seg(factories.calibrated_photo(), tmp_path)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert list(measures.PixelSpacing) == [0.1, 0.1]
    assert "1 mm" not in seg.ContentDescription


def test_true_geometry_is_kept(tmp_path: Path) -> None:
    source = _placed_stack()
    seg = _seg(source, tmp_path)
    assert seg.FrameOfReferenceUID == "1.2.3.4"
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 0, -1]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [0.001, 0.002]


def test_a_frame_of_reference_without_positions_is_not_claimed(tmp_path: Path) -> None:
    source = factories.byte_stack(FrameOfReferenceUID="1.2.3.4")
    assert not has_planes(source)
    assert _seg(source, tmp_path).FrameOfReferenceUID != "1.2.3.4"


@pytest.mark.parametrize(
    "attributes",
    [
        {"NumberOfFrames": 1},
        {"FrameOfReferenceUID": "1.2.3.4"},
        {
            "FrameOfReferenceUID": "1.2.3.4",
            "ImagePositionPatient": [0, 0, 0],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [0.2, 0.2],
        },
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.7", "Modality": "DMS"},
    ],
)
def test_photos_with_odd_headers_still_get_their_seg(
    tmp_path: Path, attributes: dict[str, Any]
) -> None:
    source = factories.rgb_photo(**attributes)
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    pixels = _seg(source, tmp_path).get_pixels_by_source_instance([source.SOPInstanceUID])
    expected = findings_for(source).masks[LESION]
    np.testing.assert_array_equal(pixels[..., 1].astype(np.bool_), expected)


def test_the_source_is_listed_as_viewers_need_it(tmp_path: Path) -> None:
    source = factories.byte_stack()
    seg = _seg(source, tmp_path)
    series = seg.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert (seg.Rows, seg.Columns) == (source.Rows, source.Columns)


def test_geometry_notes_fit_their_attribute() -> None:
    sources = (
        factories.rgb_photo(),
        factories.bscan(),
        factories.bscan(SpacingBetweenSlices=0.01),
        factories.calibrated_photo(),
        factories.calibrated_photo(SpacingBetweenSlices=0.01),
        _placed_stack(),
    )
    notes = [geometry_note(one, placed=has_planes(one)) for one in sources]
    assert len(set(notes)) == len(sources)
    assert all(len(one) <= 64 for one in notes)


def test_a_nominal_spacing_is_marked_as_nothing_to_measure_with(tmp_path: Path) -> None:
    seg = _seg(factories.bscan(), tmp_path)

    assert seg.ContentDescription.startswith("Nominal spacing: do not measure.")
    assert "depth fictional" in seg.ContentDescription


def test_the_stated_thickness_and_distance_of_planes_are_kept(tmp_path: Path) -> None:
    source = factories.confocal()
    (stated,) = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    stated.SpacingBetweenSlices = 0.005

    seg = _seg(source, tmp_path)

    (measures,) = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (0.003, 0.005)
    depths = {
        float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        for group in seg.PerFrameFunctionalGroupsSequence
    }
    assert depths == {-0.005 * k for k in range(int(source.NumberOfFrames))}
    assert "fictional" not in seg.ContentDescription


def test_a_thickness_alone_places_no_planes(tmp_path: Path) -> None:
    seg = _seg(factories.confocal(), tmp_path)

    (measures,) = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (0.003, 1)
    assert "depth fictional: do not measure volumes" in seg.ContentDescription


def test_a_copy_never_edits_its_source() -> None:
    source = _placed_stack()
    before = source.to_json()
    copied = neutral_copy(source, "1.2.3", 2)
    copied.PatientID = "changed"
    assert source.to_json() == before
