"""The summary for sites without a viewer."""

import io
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from services.writer import results as results_module
from services.writer.icc import picture_in_srgb, srgb_profile
from services.writer.results import BuiltResult
from shared.dicom.manifest import instance_manifest
from tests import factories
from tests.conformance.inputs import series_of
from tests.services.writer.samples import build, build_series


def _pdf(results: list[BuiltResult]) -> Dataset:
    return dcmread(io.BytesIO(next(one.content for one in results if one.role == "pdf")))


def _pages(dataset: Dataset) -> int:
    document = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert document.startswith(b"%PDF-")
    return int(document.count(b"/Type /Page\n"))


def test_a_summary_is_written_only_where_the_site_wants_it(tmp_path: Path) -> None:
    assert all(one.role != "pdf" for one in build(factories.rgb_photo(), tmp_path))


def test_each_image_of_a_group_is_a_page(tmp_path: Path) -> None:
    series = series_of("B-scans, one series")
    dataset = _pdf(build_series(series, tmp_path, extra_roles={"pdf"}))
    assert _pages(dataset) == 3
    assert [one.ReferencedSOPInstanceUID for one in dataset.SourceInstanceSequence] == [
        one.SOPInstanceUID for one in series
    ]
    assert instance_manifest(dataset).is_own_result


def test_colours_of_a_profile_become_what_a_reader_takes_them_for() -> None:
    picture = np.full((4, 4, 3), (200, 120, 40), np.uint8)
    source = Dataset()
    source.PhotometricInterpretation = "RGB"
    assert np.array_equal(np.asarray(picture_in_srgb(picture, source)), picture)
    source.ICCProfile = b"no profile"
    assert np.array_equal(np.asarray(picture_in_srgb(picture, source)), picture)
    source.ICCProfile = _swapped(srgb_profile())
    assert np.asarray(picture_in_srgb(picture, source))[0, 0, 2] > 100  # red and blue change places
    source.PhotometricInterpretation = "MONOCHROME2"
    assert np.array_equal(np.asarray(picture_in_srgb(picture, source)), picture)


def _swapped(profile: bytes) -> bytes:
    """Return ``profile`` with the red primary under the blue one's name, and the reverse."""
    return profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


def test_a_long_series_has_its_first_pages_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "MAX_PAGES", 2)
    series = series_of("B-scans, one series")
    assert _pages(_pdf(build_series(series, tmp_path, extra_roles={"pdf"}))) == 2
