"""What an earlier study of the patient said, found again and compared, figure by figure."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from sqlalchemy import select

from services.writer.geometry import header_copy
from services.writer.history import History
from services.writer.identity import Identity
from services.writer.previous import NONE, NOT_ASKED, Previous, find_previous
from services.writer.results import BuiltResult
from shared.db.engine import Database
from shared.db.previous_tables import PreviousResult
from shared.db.tables import Job
from shared.dicom import codes
from shared.errors import AwayError, ConfigurationError
from tests import factories
from tests.services.writer.samples import DIGEST, LESION, SPEC
from tests.services.writer.visits import Archive, area, photo, results
from tests.shared.db.rows import queued_job

NOW, THEN, LONG_AGO = "20260601", "20260301", "20250101"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    held = Archive()
    held.visit(tmp_path, THEN, 40.0)
    return held


def found(archive: Archive, source: Dataset, digest: str = DIGEST) -> Previous:
    identity = Identity(
        sources=(header_copy(source),),
        derived_from=(),
        derived_from_uids=(),
        spec=SPEC,
        weights_digest=digest,
    )
    return find_previous(archive, source, identity)


def report_on(
    source: Dataset, folder: Path, previous: Previous, square_mm: float = 50.0
) -> Dataset:
    return image_report(results([source], [area(source, square_mm)], folder, previous))


def image_report(written: list[BuiltResult]) -> Dataset:
    return dcmread(io.BytesIO(next(one.content for one in written if one.role == "sr-image")))


def walk(item: Dataset) -> Iterator[Dataset]:
    for one in item.get("ContentSequence") or []:
        yield one
        yield from walk(one)


def words(report: Dataset) -> str:
    return " ".join(one.TextValue for one in walk(report) if "TextValue" in one)


def cited(report: Dataset) -> list[tuple[str, str, str, float, bool]]:
    """Return time point, structure, quantity, value and "is a change" of every cited figure."""
    figures = []
    for group in walk(report):
        below = {_name(one): one for one in group.get("ContentSequence") or []}
        if _name(group) == "125007" and "C2348792" in below:
            structure = below.get("121071")
            figures += [
                (
                    below["C2348792"].TextValue,
                    structure.ConceptCodeSequence[0].CodeMeaning if structure else "",
                    one.ConceptNameCodeSequence[0].CodeMeaning,
                    float(one.MeasuredValueSequence[0].NumericValue),
                    any(_name(each) == "370129005" for each in one.get("ContentSequence") or []),
                )
                for one in group.ContentSequence
                if one.ValueType == "NUM" and _name(one) != "126073"  # the order of time points
            ]
    return figures


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence") or [Dataset()]
    return str(names[0].get("CodeValue") or "")


def test_the_report_holds_the_previous_figures_their_date_and_the_change(
    archive: Archive, tmp_path: Path
) -> None:
    source = photo(NOW)
    previous = found(archive, source)
    report = report_on(source, tmp_path, previous)

    assert cited(report) == [
        ("2026-03-01", "Skin lesion", "Area", 40.0, False),
        ("2026-06-01", "Skin lesion", "Area", 10.0, True),
        ("2026-03-01", "", codes.INFLAMMATION_GRADE.meaning, 2.0, False),
        ("2026-06-01", "", codes.INFLAMMATION_GRADE.meaning, 0.0, True),
    ]
    change = "Skin lesion: Area: 40 square mm then, 50 square mm now, change +10 square mm."
    assert change in words(report)
    assert "single lesions are not found again" in words(report)
    # Each number refers to the earlier report, which is evidence of another study.
    (then,) = [one for one in archive.held if one.SOPInstanceUID == previous.sop_instance_uid]
    (other,) = report.PertinentOtherEvidenceSequence
    assert other.StudyInstanceUID == then.StudyInstanceUID
    references = {
        one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for one in walk(report)
        if one.ValueType == "COMPOSITE"
    }
    assert references == {then.SOPInstanceUID}


def test_a_comparison_is_another_report_and_changes_no_other_result(
    archive: Archive, tmp_path: Path
) -> None:
    source = photo(NOW)
    findings = [area(source, 50.0)]
    alone = {one.role: one for one in results([source], findings, tmp_path)}
    previous = found(archive, source)
    beside, again = (
        {one.role: one for one in results([source], findings, tmp_path, previous)} for _ in "ab"
    )
    assert beside == again
    changed = {role for role in alone if alone[role] != beside[role]}
    assert changed == {"sr-image"}
    assert alone["sr-image"].sop_instance_uid != beside["sr-image"].sop_instance_uid
    assert alone["sr-image"].series_instance_uid != beside["sr-image"].series_instance_uid


def test_the_latest_earlier_study_is_taken_and_what_it_cites_itself_is_not(
    archive: Archive, tmp_path: Path
) -> None:
    archive.visit(tmp_path, LONG_AGO, 4.0)
    between = photo("20260401")
    written = results([between], [area(between, 44.0)], tmp_path, found(archive, between))
    archive.keep([between], written)
    archive.visit(tmp_path, "20270101", 99.0)

    previous = found(archive, photo(NOW))

    assert previous.study_date == "20260401"
    assert sorted(one.value for one in previous.figures) == [2.0, 44.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"BodyPartExamined": "ARM"},
        {"BodyPartExamined": ""},
        {"Laterality": "L"},
        {"PatientID": "SOMEBODY"},
        {"PatientID": ""},
        {"PatientBirthDate": "19900101"},
        {"IssuerOfPatientID": "ELSEWHERE"},
        {"Modality": "OT"},
        {"ManufacturerModelName": "Another camera"},
        {"StudyDate": THEN},
        {"StudyDate": ""},
    ],
    ids=str,
)
def test_what_is_of_another_patient_place_kind_or_time_is_not_compared(
    archive: Archive, changes: dict[str, Any]
) -> None:
    assert found(archive, photo(NOW)).outcome == "found"
    assert found(archive, photo(NOW, **changes)) == NONE


def test_other_weights_are_another_ruler(archive: Archive) -> None:
    assert found(archive, photo(NOW), digest="1" * 64) == NONE


def test_without_a_stated_body_part_the_report_says_so(tmp_path: Path) -> None:
    archive = Archive()
    archive.visit(tmp_path, THEN, 40.0, BodyPartExamined="")
    source = photo(NOW, BodyPartExamined="")
    assert "Neither study states the body part" in words(
        report_on(source, tmp_path, found(archive, source))
    )


def test_several_images_then_give_no_change_but_a_word(tmp_path: Path) -> None:
    archive = Archive()
    views = [photo(THEN, "one"), photo(THEN, "two")]
    archive.keep(views, results(views, [area(one, 40.0) for one in views], tmp_path))
    source = photo(NOW)
    previous = found(archive, source)
    report = report_on(source, tmp_path, previous)
    assert previous.outcome == "several"
    assert cited(report) == []
    assert "study of 2026-03-01 was analysed by this model, too, on several images" in words(report)


def test_several_images_now_give_no_change_but_a_word(archive: Archive, tmp_path: Path) -> None:
    views = [photo(NOW, "one"), photo(NOW, "two")]
    findings = [area(one, 50.0) for one in views]
    report = image_report(results(views, findings, tmp_path, found(archive, views[0])))
    assert cited(report) == []
    assert "this study has 2 images that were analysed" in words(report)


def test_pixels_are_never_compared(archive: Archive, tmp_path: Path) -> None:
    source = photo(NOW)
    findings = area(source, 50.0, calibrated=False)
    written = results([source], [findings], tmp_path, found(archive, source))
    assert [figure[2] for figure in cited(image_report(written))] == [
        codes.INFLAMMATION_GRADE.meaning
    ] * 2


def test_a_lesion_that_is_gone_is_compared_with_what_it_was(
    archive: Archive, tmp_path: Path
) -> None:
    source = photo(NOW)
    findings = area(source, 0.0)
    findings.masks[LESION][:] = False
    report = image_report(results([source], [findings], tmp_path, found(archive, source)))
    assert ("2026-06-01", "Skin lesion", "Area", -40.0, True) in cited(report)


class Pacs:
    """A PACS that answers an echo, or not."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def has(self, *_where: str) -> bool:
        return False

    def store(self, content: bytes) -> None:
        raise AssertionError(len(content))

    def echo(self) -> None:
        if self.error is not None:
            raise self.error


class Refusing(Archive):
    """An archive that fails when asked for a patient's studies."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def studies_of(self, patient_id: str) -> list[Dataset]:
        self.asked += len(patient_id) > 0
        raise self.error


def chosen(
    database: Database, archive: Archive, folder: Path, pacs: Pacs | None = None
) -> Previous:
    """Return the choice for the one job of ``database``."""
    source = photo(NOW)
    path = factories.save(source, folder / "now.dcm")
    with database.write() as session:
        job_id = session.scalars(select(Job.id)).first() or queued_job(session).id
    history = History(database, archive, pacs or Pacs())
    return history.previous(
        job_id, [area(source, 50.0)], {source.SOPInstanceUID: path}, SPEC, DIGEST
    )


def test_the_choice_is_made_once_and_holds(
    database: Database, archive: Archive, tmp_path: Path
) -> None:
    first = chosen(database, archive, tmp_path)
    archive.visit(tmp_path, "20260501", 45.0)
    assert first.study_date == THEN
    assert chosen(database, archive, tmp_path) == first
    assert archive.asked == 1


def test_what_is_kept_names_no_patient(
    database: Database, archive: Archive, tmp_path: Path
) -> None:
    chosen(database, archive, tmp_path)
    with database.read() as session:
        row = session.scalars(select(PreviousResult)).one()
        kept = str({column.name: getattr(row, column.name) for column in row.__table__.columns})
    source = photo(NOW)
    for secret in (source.PatientID, str(source.PatientName), source.PatientBirthDate):
        assert secret not in kept


@pytest.mark.parametrize(
    "error", [ConfigurationError("no C-FIND", code="pacs-class"), AwayError("no DIMSE")]
)
def test_an_archive_that_cannot_be_asked_costs_the_comparison_only(
    database: Database, tmp_path: Path, error: Exception
) -> None:
    asked = Refusing(error)
    assert chosen(database, asked, tmp_path) == NOT_ASKED
    assert chosen(database, asked, tmp_path) == NOT_ASKED
    assert asked.asked == 1
    source = photo(NOW)
    assert "could not be asked" in words(report_on(source, tmp_path, NOT_ASKED))


def test_an_archive_that_is_away_is_waited_for(
    database: Database, archive: Archive, tmp_path: Path
) -> None:
    away = AwayError("the PACS does not answer")
    with pytest.raises(AwayError):
        chosen(database, Refusing(away), tmp_path, Pacs(away))
    assert chosen(database, archive, tmp_path).outcome == "found"
