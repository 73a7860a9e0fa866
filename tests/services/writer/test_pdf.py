"""The summary for sites without a viewer."""

import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from services.writer import results as results_module
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


def test_a_long_series_has_its_first_pages_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "MAX_PAGES", 2)
    series = series_of("B-scans, one series")
    assert _pages(_pdf(build_series(series, tmp_path, extra_roles={"pdf"}))) == 2
