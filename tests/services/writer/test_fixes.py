"""Dates come from the source, or from nowhere."""

import io
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests import factories
from tests.services.writer.samples import build

_OPTIONAL = ("SeriesDate", "SeriesTime")
_OF_WRITING = ("InstanceCreationDate", "InstanceCreationTime")
_ALL_DATES = ("AcquisitionDate", "AcquisitionDateTime", "ContentDate", "StudyDate", "SeriesDate")


def undated(**dates: str) -> Dataset:
    source = factories.rgb_photo()
    for keyword in _ALL_DATES:
        source.pop(keyword, None)
    for keyword, value in ({"StudyDate": "", "StudyTime": ""} | dates).items():
        setattr(source, keyword, value)
    return source


def results(source: Dataset, folder: Path) -> dict[str, Dataset]:
    return {one.role: dcmread(io.BytesIO(one.content)) for one in build(source, folder)}


def test_no_date_is_invented_where_none_is_needed(tmp_path: Path) -> None:
    for role, dataset in results(undated(), tmp_path).items():
        assert not [keyword for keyword in _OPTIONAL if keyword in dataset], role
        if role == "sc":
            assert "ContentDate" not in dataset
        else:  # type 1: the standard wants one
            assert (dataset.ContentDate, dataset.ContentTime) == ("19000101", "000000")


def test_nothing_claims_to_be_made_when_the_image_was_taken(tmp_path: Path) -> None:
    for role, dataset in results(undated(StudyDate="20240305"), tmp_path).items():
        assert not [keyword for keyword in _OF_WRITING if keyword in dataset], role
        for one in dataset.get("ContributingEquipmentSequence") or []:
            assert "ContributionDateTime" not in one
        if dataset.Modality == "SR":
            assert "do not say when the report was written" in dataset.to_json(), role


def test_the_date_of_the_study_stands_in_for_one_of_the_image(tmp_path: Path) -> None:
    for dataset in results(undated(StudyDate="20240305"), tmp_path).values():
        assert dataset.SeriesDate == dataset.ContentDate == "20240305"
        assert "SeriesTime" not in dataset
