"""Images that are alike share their results; others do not."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from services.writer import pm
from services.writer.results import BuiltResult
from shared.dicom import codes
from tests import factories
from tests.conformance.inputs import series_of
from tests.services.writer.samples import (
    LESION,
    SKIN,
    build_series,
    findings_for,
    without_overlap,
)
from workers.findings import Assessment


def _roles(results: list[BuiltResult]) -> list[str]:
    return [one.role for one in results]


def _words(item: Dataset) -> Iterator[Dataset]:
    for one in item.get("ContentSequence") or []:
        if "TextValue" in one:
            yield one
        yield from _words(one)


def _seg(result: BuiltResult) -> hd.seg.Segmentation:
    return hd.seg.segread(io.BytesIO(result.content))


def test_single_bscans_of_a_series_share_all_but_their_pictures(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    results = build_series(series, tmp_path)

    assert _roles(results) == ["seg", "sr", "pm", "sr-image", "sc", "sc", "sc"]
    pictures = [dcmread(io.BytesIO(one.content)) for one in results if one.role == "sc"]
    assert len({one.SeriesInstanceUID for one in pictures}) == 1
    assert [one.InstanceNumber for one in pictures] == [1, 2, 3]
    assert [one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in pictures] == [
        one.SOPInstanceUID for one in series
    ]


def test_each_mask_of_a_shared_seg_lies_on_its_own_image(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    findings = [findings_for(one) for one in series]
    findings[1].masks[LESION][:] = False
    seg = _seg(build_series(series, tmp_path, findings)[0])

    for one, found in zip(series, findings, strict=True):
        pixels = seg.get_pixels_by_source_instance(
            [one.SOPInstanceUID], assert_missing_frames_are_empty=True
        )
        np.testing.assert_array_equal(pixels[0, ..., 0], found.masks[SKIN][0])
        np.testing.assert_array_equal(pixels[0, ..., 1], found.masks[LESION][0])


def test_each_value_of_a_shared_map_lies_on_its_own_image(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    findings = [findings_for(one) for one in series]
    for index, one in enumerate(findings):
        one.maps[0].values[:] += index
    built = build_series(series, tmp_path, findings)
    dataset = dcmread(io.BytesIO(next(one.content for one in built if one.role == "pm")))

    for frame, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        image = groups.DerivationImageSequence[0].SourceImageSequence[0]
        index = [one.SOPInstanceUID for one in series].index(image.ReferencedSOPInstanceUID)
        np.testing.assert_array_equal(dataset.pixel_array[frame], findings[index].maps[0].values[0])


def test_every_number_of_a_shared_report_names_its_image(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    results = build_series(series, tmp_path)
    report: Any = hd.sr.srread(io.BytesIO(results[1].content))
    groups = report.content.get_volumetric_roi_measurement_groups()
    segment_of_image = {
        (
            one.referenced_segment[0].ReferencedSOPSequence[0].ReferencedSegmentNumber,
            one.referenced_segment[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
        )
        for one in groups
    }
    assert len(groups) == 6
    assert segment_of_image == {(k, one.SOPInstanceUID) for one in series for k in (1, 2)}


def test_a_note_names_the_images_it_is_true_of(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    found = [findings_for(one) for one in series]
    for index, distance in ((0, "0.5"), (1, "2.5"), (2, "0.5")):
        likeness = Assessment(
            question=codes.FAMILIARITY,
            answer=codes.LIKE_TRAINING,
            note=f"{distance} times the limit",
        )
        found[index] = dataclasses.replace(
            found[index], assessments=(*found[index].assessments, likeness)
        )

    results = build_series(series, tmp_path, found)

    (report,) = [one for one in results if one.role == "sr-image"]
    words = [one.TextValue for one in _words(dcmread(io.BytesIO(report.content)))]
    assert "Images 1, 3: Likeness to the training data: 0.5 times the limit" in words
    assert "Image 2: Likeness to the training data: 2.5 times the limit" in words
    assert [one for one in words if one.startswith("Research use only")]  # true of all


def test_photos_stand_alone_each_with_its_own_lesion(tmp_path: Path) -> None:
    series = series_of("VL photos of two sizes")
    results = build_series(series, tmp_path)
    assert _roles(results) == ["seg", "sr", "pm", "sr-image", "sc"] * len(series)
    segs = [_seg(one) for one in results if one.role == "seg"]
    assert [one.Rows for one in segs] == [one.Rows for one in series]
    assert len({one.SeriesInstanceUID for one in segs}) == len(series)
    assert len({one.SegmentSequence[0].TrackingUID for one in segs}) == len(series)


def test_slices_captured_in_colour_are_slices_all_the_same(tmp_path: Path) -> None:
    captures = [
        factories.rgb_photo(Modality="OCT", SOPInstanceUID=f"1.2.{index}") for index in (1, 2)
    ]
    assert _roles(build_series(captures, tmp_path)).count("seg") == 1


@pytest.mark.parametrize("change", ["spacing", "series", "eligible", "derived from"])
def test_what_is_not_alike_shares_nothing(tmp_path: Path, change: str) -> None:
    series = series_of("B-scans, one series")[:2]
    findings = [findings_for(one) for one in series]
    if change == "spacing":
        series[1].NominalScannedPixelSpacing = [0.002, 0.002]
    if change == "series":
        series[1].SeriesInstanceUID = "1.2.3"
    if change == "eligible":
        findings[1] = dataclasses.replace(
            findings[1], eligible=False, masks={}, maps=(), reason="too dark"
        )
    if change == "derived from":
        findings[1] = dataclasses.replace(findings[1], derived_from=("1.2.3",))
    results = build_series(series, tmp_path, findings)
    assert len({one.source_sop_instance_uid for one in results}) == 2


@pytest.mark.parametrize("positions", ["apart", "zeros", "tiles of one depth"])
def test_placed_slices_share_a_seg_wherever_they_lie(tmp_path: Path, positions: str) -> None:
    sources = series_of("B-scans, one series")
    for index, one in enumerate(sources):
        one.FrameOfReferenceUID = "1.2.3.4"
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness = [0.001, 0.001], 0.01
        one.ImagePositionPatient = {
            "apart": [0, 0, 0.01 * index],
            "zeros": [0, 0, 0],
            "tiles of one depth": [0.5 * index, 0, 0.05],
        }[positions]

    findings = [findings_for(one) for one in sources]
    findings[1].masks[LESION][:] = False

    seg = _seg(build_series(sources, tmp_path, findings)[0])

    assert (seg.FrameOfReferenceUID == "1.2.3.4") == (positions == "apart")
    assert ("of the source" in seg.ContentDescription) == (positions == "apart")
    for one, found in zip(sources, findings, strict=True):
        pixels = seg.get_pixels_by_source_instance(
            [one.SOPInstanceUID], assert_missing_frames_are_empty=True
        )
        np.testing.assert_array_equal(pixels[0, ..., 0], found.masks[SKIN][0])
        np.testing.assert_array_equal(pixels[0, ..., 1], found.masks[LESION][0])


def test_stacks_are_never_joined(tmp_path: Path) -> None:
    stacks = [factories.byte_stack(SOPInstanceUID=f"1.2.{index}") for index in (1, 2)]
    assert _roles(build_series(stacks, tmp_path)).count("seg") == 2


def test_a_map_too_large_is_left_out_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pm, "MAX_VALUES", 100)
    results = build_series([factories.byte_stack()], tmp_path)
    assert _roles(results) == ["seg", "sr", "sr-image", "sc"]
    assert b"perfusion: too large to be written" in results[2].content


def _label_map(found_overlaps: bool, folder: Path, source: Dataset) -> hd.seg.Segmentation:
    found = findings_for(source)
    findings = [found if found_overlaps else without_overlap(found)]
    return _seg(build_series([source], folder, findings, "labelmap-rle")[0])


def test_a_site_may_have_stacks_as_compressed_label_maps(tmp_path: Path) -> None:
    seg = _label_map(False, tmp_path, factories.byte_stack())
    assert seg.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7"  # Label Map Segmentation
    assert seg.file_meta.TransferSyntaxUID == RLELossless
    pixels = seg.get_pixels_by_source_frame(
        factories.byte_stack().SOPInstanceUID, [1, 2, 3, 4], ignore_spatial_locations=True
    )
    expected = without_overlap(findings_for(factories.byte_stack())).masks
    np.testing.assert_array_equal(pixels[..., 0], expected[SKIN])
    np.testing.assert_array_equal(pixels[..., 1], expected[LESION])


def test_overlapping_structures_and_single_images_stay_binary(tmp_path: Path) -> None:
    for overlaps, source in ((True, factories.byte_stack()), (False, factories.rgb_photo())):
        assert _label_map(overlaps, tmp_path, source).SegmentationType == "BINARY"


def test_a_label_map_never_goes_by_the_name_of_a_binary_seg(tmp_path: Path) -> None:
    source = factories.byte_stack()
    found = [without_overlap(findings_for(source))]
    binary = build_series([source], tmp_path, found)
    label_map = build_series([source], tmp_path, found, "labelmap-rle")
    assert not {one.sop_instance_uid for one in binary} & {
        one.sop_instance_uid for one in label_map
    }


def test_a_structure_that_was_not_looked_for_in_one_image_is_reported_of_the_others(
    tmp_path: Path,
) -> None:
    series = series_of("B-scans, one series")
    findings = [findings_for(one) for one in series]
    del findings[1].masks[LESION]
    results = build_series(series, tmp_path, findings)
    report: Any = hd.sr.srread(io.BytesIO(results[1].content))
    assert len(report.content.get_volumetric_roi_measurement_groups()) == 5
