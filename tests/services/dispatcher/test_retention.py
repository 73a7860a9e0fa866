"""Files go when nobody needs them any more, and not before; rows stay."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from services.dispatcher.retention import FEW, Retention
from services.dispatcher.settings import RetentionSettings
from shared.db.engine import Database, clock
from shared.db.ingest import Recorded, record_instance, record_quarantine
from shared.db.pacs import removed_sources
from shared.db.tables import (
    Event,
    Instance,
    Job,
    OutboxMessage,
    QuarantinedInstance,
    Result,
    Study,
    StudyRevision,
)
from shared.errors import TransientError
from shared.sources import source_paths
from shared.spool import Spool
from shared.states import JobState, QuarantineState
from tests.services.dispatcher.kept import WEEK, Kept, make_old
from tests.shared.db.rows import SENDER, manifest

NOBODY_NEEDS = [JobState.DONE]
SOMEBODY_NEEDS = [one for one in JobState if one is not JobState.DONE]


@pytest.fixture
def retention(database: Database, spool: Spool) -> Retention:
    return Retention(
        database,
        spool,
        RetentionSettings(instances_hours=1, findings_hours=1, results_hours=1, quarantine_hours=1),
    )


@pytest.fixture
def kept(database: Database, spool: Spool) -> Kept:
    return Kept(database, spool)


def test_after_its_time_a_done_study_leaves_rows_and_no_files(
    kept: Kept, retention: Retention, database: Database, spool: Spool
) -> None:
    kept.end(JobState.DONE)
    retention.sweep()
    assert list(spool.files("")) == []
    assert list(spool.path("jobs").iterdir()) == []
    with database.read() as session:
        instance = session.scalars(select(Instance)).one()
        result = session.scalars(select(Result)).one()
        names = set(session.scalars(select(Event.name)))
        assert session.scalars(select(Job.findings_key)).one() is None
    assert (instance.spool_key, result.spool_key) == (None, None)
    assert (instance.sha256, result.sha256) == (kept.source.sha256, kept.result.sha256)
    assert "SourcesRemoved" in names


@pytest.mark.parametrize("state", SOMEBODY_NEEDS)
def test_what_a_job_that_is_not_done_needs_stays(
    state: JobState, kept: Kept, retention: Retention
) -> None:
    kept.end(state, hours_ago=1000)
    before = kept.files()
    retention.sweep()
    retention.remove_orphans()
    assert kept.files() == before
    assert len(before) == 3


def test_before_its_time_nothing_goes(kept: Kept, retention: Retention) -> None:
    kept.end(JobState.DONE, hours_ago=0.5)
    retention.sweep()
    retention.remove_orphans()
    assert len(kept.files()) == 3


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_superseded_job_needs_nothing_any_more(
    state: JobState, kept: Kept, retention: Retention
) -> None:
    kept.end(state, superseded=True)
    retention.sweep()
    assert kept.files() == []


def test_a_study_that_waits_for_its_revision_keeps_its_images(
    kept: Kept, retention: Retention, database: Database
) -> None:
    kept.end(JobState.DONE)
    with database.write() as session:
        session.execute(update(Study).values(dirty=True))
    retention.sweep()
    assert kept.files() == [kept.source.key]
    with database.write() as session:
        session.execute(update(Study).values(dirty=False))
        session.execute(update(StudyRevision).values(routed_at=None))
    retention.sweep()
    assert kept.files() == [kept.source.key]


def test_an_image_that_comes_again_is_used_again(
    kept: Kept, retention: Retention, database: Database, spool: Spool
) -> None:
    kept.end(JobState.DONE)
    retention.sweep()
    with database.write() as session:
        session.execute(update(Job).values(state=JobState.QUEUED))
        assert removed_sources(session) == {"1.2.3": (kept.source.sha256, "")}
        row = session.scalars(select(Instance)).one()
        with pytest.raises(TransientError, match="removed from the spool"):
            source_paths(spool, [row], may_come_back=False)
    with database.write() as session:
        file = spool.write_by_digest("instances", b"pixels")
        again = record_instance(session, manifest(), file, sender=SENDER, association_id=None)
    assert again is Recorded.DUPLICATE
    with database.read() as session:
        row = session.scalars(select(Instance)).one()
        paths = source_paths(spool, [row], may_come_back=False)
        assert paths["1.2.3"].read_bytes() == b"pixels"
        assert removed_sources(session) == {}


def test_a_file_that_a_waiting_job_needs_and_that_is_lost_is_brought_again(
    kept: Kept, retention: Retention, database: Database, spool: Spool
) -> None:
    spool.remove(kept.source.key)
    retention.sweep()
    with database.read() as session:
        assert removed_sources(session) == {}, "without its mark it may be another volume"
        row = session.scalars(select(Instance)).one()
        with pytest.raises(TransientError, match="or lost"):
            source_paths(spool, [row], may_come_back=False)
    spool.mark()
    retention.sweep()
    with database.read() as session:
        assert removed_sources(session) == {"1.2.3": (kept.source.sha256, "")}


def test_messages_of_jobs_that_ended_go_and_those_of_others_stay(
    kept: Kept, retention: Retention, database: Database
) -> None:
    def messages() -> int:
        with database.read() as session:
            return len(session.scalars(select(OutboxMessage)).all())

    with database.write() as session:
        session.execute(update(OutboxMessage).values(sent_at=clock(session) - timedelta(days=8)))
    retention.sweep()
    assert messages() == 1
    kept.end(JobState.DONE)
    retention.sweep()
    assert messages() == 0


def test_quarantine_is_held_until_an_operator_has_discarded_it(
    retention: Retention, database: Database, spool: Spool
) -> None:
    file = spool.write_by_digest("quarantine", b"broken")
    with database.write() as session:
        record_quarantine(session, file, code="structure", reason="broken", sender=SENDER)
        row = session.scalars(select(QuarantinedInstance)).one()
        row.received_at -= timedelta(days=365)
    make_old(spool)
    for needed in (QuarantineState.HELD, QuarantineState.RELEASED):
        with database.write() as session:
            session.execute(update(QuarantinedInstance).values(state=needed))
        retention.sweep()
        retention.remove_orphans()
        assert spool.path(file.key).exists(), "a released one is taken in from here"
    with database.write() as session:
        session.execute(update(QuarantinedInstance).values(state=QuarantineState.DISCARDED))
    retention.sweep()
    assert not spool.path(file.key).exists()
    with database.read() as session:
        assert session.scalars(select(QuarantinedInstance)).one().spool_key is None


def test_files_that_no_row_knows_go_once_they_are_old(
    kept: Kept, retention: Retention, spool: Spool
) -> None:
    kept.end(JobState.FAILED)
    orphans = [
        spool.write_by_digest("instances", b"never committed").key,
        spool.write_by_digest("quarantine", b"never committed").key,
        spool.write("instances/ab/.half-written.1.2", b"half").key,
        spool.write("jobs/no-such-job/1/findings.json", b"{}").key,
        spool.write(f"jobs/{kept.job_id}/7/findings.json", b"an attempt that lost").key,
    ]
    assert retention.remove_orphans() == 0
    make_old(spool)
    assert retention.remove_orphans() == len(orphans)
    assert [key for key in orphans if spool.path(key).exists()] == []
    assert len(kept.files()) == 3


def test_a_database_that_does_not_know_the_spool_empties_nothing(
    kept: Kept, retention: Retention, spool: Spool
) -> None:
    kept.end(JobState.FAILED)
    strange = [
        spool.write_by_digest("instances", f"of another database {number}".encode()).key
        for number in range(FEW + 1)
    ]
    make_old(spool)
    assert retention.remove_orphans() == 0
    assert all(spool.path(key).exists() for key in strange)
    spool.remove(strange[0])  # so few may be what crashes have left
    assert retention.remove_orphans() == FEW


def test_what_a_removal_left_undone_is_known_however_much_it_is(
    kept: Kept, retention: Retention, database: Database, spool: Spool
) -> None:
    kept.end(JobState.DONE)
    for number in range(FEW + 1):
        file = spool.write_by_digest("quarantine", f"broken {number}".encode())
        with database.write() as session:
            record_quarantine(session, file, code="structure", reason="cut", sender=SENDER)
    with database.write() as session:
        session.execute(update(QuarantinedInstance).values(spool_key=None))
    make_old(spool)
    assert retention.remove_orphans() == FEW + 1


def test_a_sweep_that_fails_is_tried_again_until_it_is_told_to_stop(
    database: Database, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = Retention(database, spool, RetentionSettings(sweep_seconds=0.001))
    stop, tried = threading.Event(), []

    def sweep() -> None:
        tried.append(1)
        if len(tried) == 2:
            stop.set()
        raise OSError("the spool is away")

    monkeypatch.setattr(retention, "sweep", sweep)
    retention.run(stop)
    assert len(tried) == 2


def test_a_file_that_is_written_again_while_it_is_removed_stays(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = spool.write_by_digest("instances", b"pixels").key
    make_old(spool)
    looked = time.time

    def writes_first() -> float:
        monkeypatch.setattr(time, "time", looked)  # only between the look and the rename
        age = looked() - spool.path(key).stat().st_mtime
        spool.write_by_digest("instances", b"pixels")
        assert age > WEEK - 60
        return looked() + WEEK  # what was read before counts as old

    monkeypatch.setattr(time, "time", writes_first)
    assert not spool.remove_old(key, 600)
    assert spool.path(key).read_bytes() == b"pixels"
    assert [one.key for one in spool.files("")] == [key]
