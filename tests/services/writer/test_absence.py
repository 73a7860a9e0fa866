"""What did not run is said in the PACS: once, in words, and it never starts anything."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from sqlalchemy import select

from services.dispatcher.jobs import NewRevisions
from services.dispatcher.rules import SiteRules
from services.writer.absence import build_absence
from services.writer.absence_reporter import AbsenceReporter
from services.writer.results import BuiltResult
from shared.db.absence_tables import AbsenceReport
from shared.db.absences import Absence
from shared.db.claims import claim
from shared.db.engine import Database
from shared.db.ingest import record_instance
from shared.db.jobs import RetryPolicy, fail_stage
from shared.db.operations import retry_job
from shared.db.queue_control import pause_queue
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Event, Job, Study
from shared.dicom import codes
from shared.dicom.manifest import instance_manifest
from shared.errors import AwayError, BadInputError, PermanentError
from shared.spool import Spool
from shared.states import Stage
from tests import factories
from tests.shared.db.rows import SENDER
from workers.catalog import models

WHY = "dermoscopy: the photo model was not made for it"


class Archive:
    """A PACS in memory; ``away`` and ``refuses`` make it one that fails."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.stored = 0
        self.error: Exception | None = None

    def has(self, _study: str, _series: str, sop_instance_uid: str) -> bool:
        return sop_instance_uid in self.held

    def store(self, content: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.stored += 1
        self.held[str(dcmread(io.BytesIO(content)).SOPInstanceUID)] = content

    def echo(self) -> None:
        pass


def dermoscopy() -> Dataset:
    return factories.rgb_photo(Modality="DMS", SeriesDescription="Dermoscopy")


def notice(folder: Path, *reasons: str) -> BuiltResult:
    path = factories.save(dermoscopy(), folder / "one.dcm")
    absences = [
        Absence(series_instance_uid="1.2", spool_key="", model="layers", failed=True, reason=reason)
        for reason in reasons
    ]
    return build_absence(absences, [path] * len(absences))


def texts(item: Dataset) -> Iterator[str]:
    if "TextValue" in item:
        yield item.TextValue
    for one in item.get("ContentSequence") or []:
        yield from texts(one)


def arrive(database: Database, spool: Spool, *images: Dataset) -> None:
    """Receive ``images``, freeze and route their study."""
    with database.write() as session:
        for image in images:
            file = spool.write_by_digest("instances", factories.part10(image))
            record_instance(
                session, instance_manifest(image), file, sender=SENDER, association_id=None
            )
        freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
    NewRevisions(database, models(), SiteRules()).route()


def fail_the_job(database: Database, reason: str) -> str:
    with database.write() as session:
        job_id = session.scalars(select(Job.id)).one()
        held = claim(session, job_id, Stage.MODEL, owner="worker", lease_seconds=60)
        assert held is not None
        error = PermanentError(reason, code="out-of-luck")
        fail_stage(session, held, error, RetryPolicy(max_attempts=1, backoff_seconds=0))
    return job_id


def outcome(database: Database) -> tuple[str | None, str]:
    with database.read() as session:
        row = session.scalars(select(AbsenceReport)).one()
        return row.sop_instance_uid, row.code


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def reporter(database: Database, spool: Spool, archive: Archive) -> AbsenceReporter:
    return AbsenceReporter(database, spool, archive, wait_seconds=0)


def test_the_notice_says_in_codes_and_words_what_did_not_run(tmp_path: Path) -> None:
    report: Any = hd.sr.srread(io.BytesIO(notice(tmp_path, "it was too dark").content))
    (group,) = report.content.get_image_measurement_groups()
    (answer,) = group.get_qualitative_evaluations(name=codes.ANALYSIS)
    assert answer.value == codes.ANALYSIS_FAILED
    said = list(texts(report))
    assert "layers: it was too dark" in said
    assert any("Research use only" in one for one in said)
    assert report.StudyInstanceUID == dermoscopy().StudyInstanceUID
    assert instance_manifest(report).is_own_result


def test_equal_absences_have_equal_bytes_and_others_another_name(tmp_path: Path) -> None:
    assert notice(tmp_path, "a").content == notice(tmp_path, "a").content
    names = {notice(tmp_path, *reasons).sop_instance_uid for reasons in (["a"], ["b"], ["a", "b"])}
    assert len(names) == 3


def test_a_notice_on_what_is_not_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_text("not dicom")
    absence = Absence(series_instance_uid="1", spool_key="", model="", failed=False, reason="x")
    with pytest.raises(BadInputError):
        build_absence([absence], [tmp_path / "one.dcm"])


def test_a_study_that_no_model_reads_is_reported_once(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    reporter.sweep()
    reporter.sweep()
    ((uid, content),) = archive.held.items()
    assert archive.stored == 1
    assert outcome(database) == (uid, "")
    assert any(one.startswith("No model: ") for one in texts(dcmread(io.BytesIO(content))))
    with database.read() as session:
        assert session.scalars(select(Event.name)).all().count("AbsenceReported") == 1


def test_a_report_that_was_stored_and_not_recorded_is_not_stored_again(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    reporter.sweep()
    with database.write() as session:
        session.delete(session.scalars(select(AbsenceReport)).one())
    reporter.sweep()
    assert archive.stored == 1


def test_a_notice_that_comes_back_starts_nothing(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    reporter.sweep()
    (content,) = archive.held.values()
    arrive(database, spool, dcmread(io.BytesIO(content)))
    reporter.sweep()
    with database.read() as session:
        assert session.scalars(select(Job)).all() == []
        assert not session.scalars(select(Study)).one().dirty
    assert archive.stored == 1


def test_a_failed_job_is_reported_when_it_failed_and_again_for_another_reason(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, factories.byte_stack())
    reporter.sweep()
    assert archive.held == {}  # the job has not ended
    job_id = fail_the_job(database, "out of luck")
    reporter.sweep()
    for reason in ("out of luck", "out of memory"):
        with database.write() as session:
            retry_job(session, job_id)
        fail_the_job(database, reason)
        reporter.sweep()
    said = [list(texts(dcmread(io.BytesIO(one)))) for one in archive.held.values()]
    assert ["layers: out of luck" in one for one in said] == [True, False]
    assert ["layers: out of memory" in one for one in said] == [False, True]


def test_nothing_is_said_while_the_study_may_still_change(
    database: Database, spool: Spool, archive: Archive
) -> None:
    arrive(database, spool, dermoscopy())
    AbsenceReporter(database, spool, archive, wait_seconds=3600).sweep()
    assert archive.held == {}


def test_a_paused_writer_reports_nothing(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    with database.write() as session:
        pause_queue(session, "writer", by="operator")
    reporter.sweep()
    assert archive.held == {}


def test_an_archive_that_is_away_is_told_later(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    archive.error = AwayError("no connection")
    reporter.sweep()
    archive.error = None
    reporter.sweep()
    assert archive.stored == 1


def test_a_refused_notice_is_recorded_and_not_tried_for_ever(
    database: Database, spool: Spool, archive: Archive, reporter: AbsenceReporter
) -> None:
    arrive(database, spool, dermoscopy())
    archive.error = PermanentError("the archive refuses it", code="refused")
    reporter.sweep()
    archive.error = None
    reporter.sweep()
    assert archive.stored == 0
    assert outcome(database) == (None, "refused")
