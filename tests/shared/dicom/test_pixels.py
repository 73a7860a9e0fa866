"""Decoding a received instance."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from shared.dicom.pixels import DecodedImage, read_frames
from shared.errors import BadInputError, TransientError
from tests import factories


def _read(dataset: Dataset, folder: Path, **options: Any) -> DecodedImage:
    return read_frames(factories.save(dataset, folder / "one.dcm"), **options)


def test_rgb_photo_keeps_its_pixels(tmp_path: Path) -> None:
    image = _read(factories.rgb_photo(), tmp_path)
    assert image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels[0], factories.lesion_photo())
    assert image.spacing is None


def test_jpeg_photo_comes_out_as_rgb(tmp_path: Path) -> None:
    image = _read(factories.jpeg_photo(), tmp_path)
    assert image.pixels.shape == (1, 120, 160, 3)
    # YBR left unconverted would be about 100 levels off; JPEG itself loses a few.
    error = image.pixels[0].astype(int) - factories.lesion_photo().astype(int)
    assert np.abs(error).mean() < 5


def test_planar_configuration_is_undone(tmp_path: Path) -> None:
    pixels = factories.lesion_photo()
    dataset = factories.rgb_photo(
        PlanarConfiguration=1, PixelData=np.moveaxis(pixels, -1, 0).tobytes()
    )
    np.testing.assert_array_equal(_read(dataset, tmp_path).pixels[0], pixels)


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    dataset = factories.bscan(np.array([[0, 1], [1, 0]], np.uint8))
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour, low, high in (("Red", 10, 20), ("Green", 30, 40), ("Blue", 50, 60)):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [2, 0, 8])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes([low, high]))
    expected = [[[10, 30, 50], [20, 40, 60]], [[20, 40, 60], [10, 30, 50]]]
    np.testing.assert_array_equal(_read(dataset, tmp_path).pixels[0], expected)


def test_monochrome1_is_inverted_within_its_stored_bits(tmp_path: Path) -> None:
    dataset = factories.word_stack(np.array([[[0, 4095]]], np.uint16))
    dataset.PhotometricInterpretation = "MONOCHROME1"
    np.testing.assert_array_equal(_read(dataset, tmp_path).pixels, [[[4095, 0]]])


def test_monochrome1_changes_no_value_where_values_are_asked_for(tmp_path: Path) -> None:
    stored = np.array([[[100, 800]]], np.uint16)
    dataset = factories.word_stack(stored)
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.BitsStored, dataset.HighBit = 16, 15
    path = factories.save(dataset, tmp_path / "map.dcm")
    np.testing.assert_array_equal(read_frames(path, as_values=True).pixels, stored)
    dataset.RescaleSlope, dataset.RescaleIntercept = 0.5, 3
    factories.save(dataset, path)
    np.testing.assert_array_equal(read_frames(path, as_values=True).pixels, stored * 0.5 + 3)


def test_rescale_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    dataset = factories.byte_stack(np.array([[[0, 10]]], np.uint8))
    dataset.RescaleSlope, dataset.RescaleIntercept = 0.5, 3
    image = _read(dataset, tmp_path)
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.pixels, [[[3, 8]]])


def test_identity_rescale_keeps_sixteen_bits(tmp_path: Path) -> None:
    assert _read(factories.word_stack(), tmp_path).pixels.dtype == np.uint16


def test_a_rescale_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    dataset = factories.byte_stack(np.array([[[0, 10]]], np.uint8))
    dataset.RescaleSlope = "1e39"
    with pytest.raises(BadInputError, match="finite"):
        _read(dataset, tmp_path)


def test_float_parametric_map_is_read_in_real_world_values(tmp_path: Path) -> None:
    dataset = factories.bscan(np.zeros((1, 2), np.uint8), SOPClassUID=ParametricMapStorage)
    dataset.file_meta.MediaStorageSOPClassUID = ParametricMapStorage
    del dataset.PixelData
    dataset.BitsAllocated = 32
    del dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.FloatPixelData = np.array([1.5, 2.5], np.float32).tobytes()
    mapping = Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 2.0, 1.0
    groups = Dataset()
    groups.RealWorldValueMappingSequence = [mapping]
    dataset.SharedFunctionalGroupsSequence = [groups]
    np.testing.assert_array_equal(_read(dataset, tmp_path).pixels, [[[4.0, 6.0]]])


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 0},
        {"Rows": 121},
        {"Rows": 60},
        {"NumberOfFrames": "-3"},
        {"NumberOfFrames": "2"},
        {"SamplesPerPixel": 4},
        {"PixelData": None},
        {"PixelData": b"\x00\x00"},
        {"BitsAllocated": 9},
        {"PhotometricInterpretation": None},
        {"Columns": None},
    ],
)
def test_a_header_that_lies_is_bad_input(tmp_path: Path, attributes: dict[str, Any]) -> None:
    dataset = factories.rgb_photo(**attributes)
    with pytest.raises(BadInputError) as caught:
        _read(dataset, tmp_path)
    assert caught.value.code == "undecodable"


def test_truncated_jpeg_is_bad_input(tmp_path: Path) -> None:
    dataset = factories.jpeg_photo()
    dataset.PixelData = dataset.PixelData[:40]
    with pytest.raises(BadInputError):
        _read(dataset, tmp_path)


def test_a_file_that_is_not_dicom_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(b"not dicom" * 100)
    with pytest.raises(BadInputError, match="not DICOM"):
        read_frames(tmp_path / "one.dcm")


def test_a_missing_file_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        read_frames(tmp_path / "none.dcm")


def test_too_many_voxels_are_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        _read(factories.rgb_photo(), tmp_path, max_voxels=120 * 160 * 3 - 1)
    assert caught.value.code == "too-large"
    assert _read(factories.rgb_photo(), tmp_path, max_voxels=120 * 160 * 3).pixels.size


def test_attributes_are_read_in_milliseconds_and_micrometres(tmp_path: Path) -> None:
    dataset = factories.speckle_frames(ExposureTime="5", ImageAcquisitionDepth=0.05)
    attributes = _read(dataset, tmp_path).attributes
    assert attributes == {"exposure_time_ms": 5, "frame_time_ms": 40, "depth_um": 50}
