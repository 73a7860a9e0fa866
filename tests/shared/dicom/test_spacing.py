"""Which pixel spacing is believed."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from shared.dicom.spacing import SpacingMm, give_scale, given_scale, read_spacing
from tests import factories


def _with_measures(*pairs: list[float]) -> Dataset:
    dataset = factories.byte_stack()
    groups = []
    for pair in pairs:
        measures = Dataset()
        measures.PixelSpacing = pair
        group = Dataset()
        group.PixelMeasuresSequence = [measures]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    return dataset


def test_a_calibration_type_makes_pixel_spacing_calibrated() -> None:
    spacing = read_spacing(factories.calibrated_photo(PixelSpacing=[0.1, 0.2]))
    assert spacing == SpacingMm(row_mm=0.1, column_mm=0.2, source="calibrated")


def test_plain_pixel_spacing_of_a_photo_is_only_nominal() -> None:
    spacing = read_spacing(factories.rgb_photo(PixelSpacing=[0.1, 0.1]))
    assert spacing is not None
    assert spacing.source == "nominal"


def test_pixel_spacing_beside_a_patient_position_is_calibrated() -> None:
    photo = factories.rgb_photo(PixelSpacing=[0.1, 0.1], ImagePositionPatient=[0, 0, 0])
    spacing = read_spacing(photo)
    assert spacing is not None
    assert spacing.source == "calibrated"


def test_pixel_measures_beat_nominal_spacing() -> None:
    dataset = _with_measures([0.002, 0.003], [0.002, 0.003])
    dataset.NominalScannedPixelSpacing = [1, 1]
    assert read_spacing(dataset) == SpacingMm(row_mm=0.002, column_mm=0.003, source="calibrated")


def test_frames_that_disagree_have_no_spacing() -> None:
    assert read_spacing(_with_measures([0.002, 0.003], [0.1, 0.1])) is None


def test_field_of_view_gives_confocal_spacing() -> None:
    dataset = factories.confocal_sc(FieldOfViewShape="RECTANGLE", FieldOfViewDimensions=[6, 5])
    spacing = read_spacing(dataset)
    assert spacing == SpacingMm(row_mm=6 / 60, column_mm=5 / 100, source="calibrated")


def test_field_of_view_is_not_used_for_photos() -> None:
    photo = factories.rgb_photo(FieldOfViewShape="RECTANGLE", FieldOfViewDimensions=[6, 5])
    assert read_spacing(photo) is None


def test_nominal_scanned_spacing_is_nominal() -> None:
    assert read_spacing(factories.bscan()) == SpacingMm(
        row_mm=0.001, column_mm=0.001, source="nominal"
    )


@pytest.mark.parametrize("pair", [[0, 0], [-1, 1], [0.1, 0], ["1e400", 1], None])
def test_nonsense_counts_as_absent(pair: list[Any] | None) -> None:
    photo = factories.calibrated_photo()
    photo.PixelSpacing = pair
    assert read_spacing(photo) is None


def test_detector_spacing_is_never_used() -> None:
    assert read_spacing(factories.rgb_photo(ImagerPixelSpacing=[0.1, 0.1])) is None


def test_a_scale_of_the_site_stands_where_the_image_has_no_calibrated_one() -> None:
    for image in (factories.rgb_photo(), factories.bscan()):
        give_scale(image, 0.05)
        assert read_spacing(image) == SpacingMm(row_mm=0.05, column_mm=0.05, source="calibrated")
        assert given_scale(image) == 0.05
    own = factories.calibrated_photo()
    before = read_spacing(own)
    give_scale(own, 0.05)
    assert read_spacing(own) == before
    assert given_scale(own) is None
