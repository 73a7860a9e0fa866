import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select, update

from shared.db.engine import Database, clock
from shared.db.ingest import (
    Recorded,
    close_association,
    open_association,
    record_instance,
    record_quarantine,
)
from shared.db.jobs import open_job
from shared.db.refusals import record_refusal
from shared.db.studies import freeze_complete_studies, manifest_of, supersede_earlier
from shared.db.tables import (
    Association,
    Instance,
    Job,
    QuarantinedInstance,
    RefusedSender,
    Result,
    Study,
    StudyRevision,
)
from shared.states import JobState
from tests.shared.db.rows import (
    SENDER,
    WHAT,
    built_result,
    manifest,
    queued_job,
    receive,
    spooled,
)


def freeze(database: Database, quiet: float = 0, max_age: float = 3600) -> list[StudyRevision]:
    with database.write() as session:
        return freeze_complete_studies(session, quiet_seconds=quiet, max_age_seconds=max_age)


def test_a_quiet_study_is_frozen_once_with_its_reason(database: Database) -> None:
    with database.write() as session:
        receive(session)

    (revision,) = freeze(database)

    assert revision.number == 1
    assert "quiet for 0 s" in revision.completeness
    assert freeze(database) == []


def test_a_study_is_not_complete_before_its_quiet_time(database: Database) -> None:
    with database.write() as session:
        receive(session)

    assert freeze(database, quiet=3600) == []


def test_a_study_waits_for_the_association_that_brings_it(database: Database) -> None:
    with database.write() as session:
        association = open_association(session, "listener", SENDER)
        record_instance(session, manifest(), spooled(), sender=SENDER, association_id=association)
    assert freeze(database) == []

    with database.write() as session:
        close_association(session, association)
    assert len(freeze(database)) == 1


def test_a_dead_listeners_association_does_not_hold_a_study_back(database: Database) -> None:
    with database.write() as session:
        association = open_association(session, "listener", SENDER)
        record_instance(session, manifest(), spooled(), sender=SENDER, association_id=association)
        silent_since = clock(session) - timedelta(minutes=10)
        session.execute(update(Association).values(seen_at=silent_since))

    assert len(freeze(database)) == 1


def test_a_study_that_never_gets_quiet_is_frozen_at_its_longest_wait(database: Database) -> None:
    with database.write() as session:
        receive(session)

    (revision,) = freeze(database, quiet=3600, max_age=0)

    assert "longest allowed" in revision.completeness


def test_the_same_instance_again_changes_nothing(database: Database) -> None:
    with database.write() as session:
        assert receive(session) is Recorded.NEW
    freeze(database)
    with database.write() as session:
        assert receive(session) is Recorded.DUPLICATE

    assert freeze(database) == []


def test_other_bytes_under_the_same_uid_are_kept_but_not_used(database: Database) -> None:
    with database.write() as session:
        receive(session, content="first")
        assert receive(session, content="second") is Recorded.CONFLICT

    (revision,) = freeze(database)

    with database.read() as session:
        assert len(session.scalars(select(Instance)).all()) == 2
        (used,) = [session.get_one(Instance, one) for one in revision.instance_ids]
        assert used.sha256 == spooled("first").sha256


def test_our_own_results_open_no_study(database: Database) -> None:
    with database.write() as session:
        assert receive(session, manufacturer="Cutis") is Recorded.OWN_RESULT

    with database.read() as session:
        assert session.scalars(select(Study)).all() == []
        assert session.scalars(select(Instance.spool_key)).all() == [None]
    assert freeze(database) == []


def test_a_late_image_opens_revision_two_and_supersedes_the_first(database: Database) -> None:
    with database.write() as session:
        job_id = queued_job(session).id
    with database.write() as session:
        receive(session, sop="1.2.4", content="late")
    (second,) = freeze(database)
    with database.write() as session:
        supersede_earlier(session, session.get_one(StudyRevision, second.id))

    with database.read() as session:
        first = session.scalars(select(StudyRevision).where(StudyRevision.number == 1)).one()
        job = session.get_one(Job, job_id)
        assert first.superseded_at is not None
        assert job.superseded_at is not None
        assert (job.state, job.code) == (JobState.CANCELLED, "superseded")
        assert second.digest != first.digest


def test_a_job_that_is_carried_over_again_is_not_superseded_nor_are_its_results(
    database: Database,
) -> None:
    with database.write() as session:
        job = queued_job(session)
        result = built_result(job)
        session.add(result)
        key, inputs = job.key, job.instance_ids
    for late in ("1.2.4", "1.2.5"):
        with database.write() as session:
            receive(session, sop=late, content=late)
        (newer,) = freeze(database)
        with database.write() as session:
            revision = session.get_one(StudyRevision, newer.id)
            if late == "1.2.5":  # the first revision's input once more
                open_job(session, revision, key=key, instance_ids=inputs, **WHAT)
            supersede_earlier(session, revision)
        with database.read() as session:
            job = session.get_one(Job, job.id)
            assert (job.superseded_at is None) is (late == "1.2.5")
            superseded_at = session.get_one(Result, result.id).superseded_at
            assert (superseded_at is None) is (late == "1.2.5")


def test_an_image_that_arrives_while_its_study_is_frozen_is_not_forgotten(
    database: Database,
) -> None:
    with database.write() as session:
        receive(session)
    started = threading.Event()

    def arrive() -> None:
        started.set()
        with database.write() as session:
            receive(session, sop="1.2.4", content="late")

    with ThreadPoolExecutor() as threads:
        with database.write() as session:
            freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
            arriving = threads.submit(arrive)
            started.wait()
            time.sleep(0.3)
        arriving.result()

    (second,) = freeze(database)
    assert len(second.instance_ids) == 2


def test_the_manifest_of_a_revision_groups_by_series(database: Database) -> None:
    with database.write() as session:
        receive(session, sop="1.2.3", content="a")
        receive(session, sop="1.2.4", content="b")
    (revision,) = freeze(database)

    with database.read() as session:
        study = manifest_of(session, revision)

    assert [len(one.instances) for one in study.series] == [2]
    assert study.calling_ae_titles == {"ORTHANC"}


def test_refusals_are_counted_not_piled_up(database: Database) -> None:
    for _ in range(3):
        with database.write() as session:
            record_refusal(session, SENDER, "AE title not on the list")

    with database.read() as session:
        (row,) = session.scalars(select(RefusedSender)).all()
        assert row.count == 3


def test_quarantined_bytes_are_recorded_once(database: Database) -> None:
    for _ in range(2):
        with database.write() as session:
            record_quarantine(session, spooled(), code="truncated", reason="cut", sender=SENDER)

    with database.read() as session:
        (row,) = session.scalars(select(QuarantinedInstance)).all()
        assert (row.state, row.code) == ("held", "truncated")
