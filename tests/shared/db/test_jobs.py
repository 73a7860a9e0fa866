import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from shared.db.claims import Claim, claim, renew
from shared.db.engine import Database
from shared.db.jobs import RetryPolicy, fail_stage, finish_stage, job_key, open_job, recover_lost
from shared.db.operations import cancel_job, retry_job
from shared.db.outbox import owe_again, relay
from shared.db.tables import Attempt, Event, Job, OutboxMessage, StudyRevision
from shared.errors import AwayError, CrashError, CutisError, PermanentError, TransientError
from shared.messages import RUN_MODEL_TASK, WRITE_RESULTS_TASK
from shared.states import AttemptOutcome, IllegalMoveError, JobState, Stage
from tests.shared.db.rows import queued_job

POLICY = RetryPolicy(max_attempts=2, max_crashes=2, backoff_seconds=0.001)


def claimed(database: Database, job_id: str, stage: Stage = Stage.MODEL) -> Claim:
    with database.write() as session:
        held = claim(session, job_id, stage, owner="worker", lease_seconds=60)
    assert held is not None
    return held


def new_job(database: Database) -> str:
    with database.write() as session:
        return queued_job(session).id


def state_of(database: Database, job_id: str) -> str:
    with database.read() as session:
        return session.get_one(Job, job_id).state


def test_of_many_workers_exactly_one_gets_the_claim(database: Database) -> None:
    job_id = new_job(database)

    def try_claim(number: int) -> Claim | None:
        with database.write() as session:
            return claim(session, job_id, Stage.MODEL, owner=f"w{number}", lease_seconds=60)

    with ThreadPoolExecutor(8) as pool:
        claims = [one for one in pool.map(try_claim, range(16)) if one is not None]

    assert len(claims) == 1


def test_a_job_goes_through_both_stages_and_owes_the_writer_a_message(database: Database) -> None:
    job_id = new_job(database)

    with database.write() as session:
        held = claim(session, job_id, Stage.MODEL, owner="w", lease_seconds=60)
        assert held is not None
        assert finish_stage(session, held, stage_seconds={"predict": 1.0}, findings_key="k")
    held = claimed(database, job_id, Stage.WRITE)
    with database.write() as session:
        assert finish_stage(session, held, stage_seconds={"store": 1.0})

    with database.read() as session:
        tasks = session.scalars(select(OutboxMessage.task).order_by(OutboxMessage.id)).all()
        outcomes = session.scalars(select(Attempt.outcome)).all()
    assert tasks == [RUN_MODEL_TASK, WRITE_RESULTS_TASK]
    assert outcomes == [AttemptOutcome.SUCCEEDED] * 2
    assert state_of(database, job_id) == JobState.DONE


def test_a_done_job_tells_which_attempt_at_its_last_stage_succeeded(database: Database) -> None:
    job_id = new_job(database)
    policy = RetryPolicy(max_attempts=3, backoff_seconds=0)
    held = claimed(database, job_id)
    with database.write() as session:
        finish_stage(session, held, stage_seconds={}, findings_key="k")
    held = claimed(database, job_id, Stage.WRITE)
    with database.write() as session:
        fail_stage(session, held, TransientError("the PACS is away"), policy)
    held = claimed(database, job_id, Stage.WRITE)
    with database.write() as session:
        finish_stage(session, held, stage_seconds={})

    with database.read() as session:
        assert session.get_one(Job, job_id).attempt == 2


def test_a_worker_that_lost_its_lease_cannot_finish(database: Database) -> None:
    job_id = new_job(database)
    with database.write() as session:
        late = claim(session, job_id, Stage.MODEL, owner="slow", lease_seconds=-1)
    assert late is not None
    with database.write() as session:
        assert recover_lost(session, POLICY) == 1
    with database.write() as session:
        assert not renew(session, late, 60)
        assert not finish_stage(session, late, stage_seconds={}, findings_key="k")
        assert fail_stage(session, late, PermanentError("no"), POLICY) is None
    assert state_of(database, job_id) == JobState.QUEUED


def test_a_job_that_loses_its_worker_too_often_is_parked(database: Database) -> None:
    job_id = new_job(database)
    for _ in range(POLICY.max_crashes):
        with database.write() as session:
            session.get_one(Job, job_id).not_before = session.get_one(Job, job_id).created_at
        with database.write() as session:
            assert claim(session, job_id, Stage.MODEL, owner="w", lease_seconds=-1)
        with database.write() as session:
            recover_lost(session, POLICY)

    with database.read() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.code) == (JobState.PARKED, "lost")
        assert "attempt 2" in job.reason


def test_a_transient_error_waits_and_a_permanent_one_ends_the_job(database: Database) -> None:
    first, policy = new_job(database), RetryPolicy(max_attempts=3, backoff_seconds=3600)
    held = claimed(database, first)
    with database.write() as session:
        moved = fail_stage(session, held, TransientError("busy"), policy)
        assert moved is JobState.QUEUED
    with database.write() as session:
        again = claim(session, first, Stage.MODEL, owner="w", lease_seconds=60)
        assert again is None, "not before its backoff"

    with database.write() as session:
        retry_from = session.get_one(Job, first)
        retry_from.not_before = retry_from.created_at
    held = claimed(database, first)
    with database.write() as session:
        fail_stage(session, held, PermanentError("never", code="bad"), policy)
    with database.read() as session:
        job = session.get_one(Job, first)
        assert (job.state, job.code, job.reason) == (JobState.FAILED, "bad", "never")


def fail(database: Database, job_id: str, error: CutisError) -> JobState | None:
    with database.write() as session:
        job = session.get_one(Job, job_id)
        job.not_before = job.created_at
    held = claimed(database, job_id)
    with database.write() as session:
        return fail_stage(session, held, error, POLICY)


def test_transient_errors_have_a_cap(database: Database) -> None:
    job_id = new_job(database)

    assert fail(database, job_id, TransientError("busy")) is JobState.QUEUED
    assert fail(database, job_id, TransientError("busy")) is JobState.FAILED


def test_a_job_that_kills_its_process_is_parked(database: Database) -> None:
    job_id = new_job(database)

    assert fail(database, job_id, CrashError("died")) is JobState.QUEUED
    assert fail(database, job_id, TransientError("busy")) is JobState.QUEUED, "counted apart"
    assert fail(database, job_id, CrashError("died")) is JobState.PARKED


def test_a_neighbour_that_is_away_is_waited_for_without_a_cap(database: Database) -> None:
    job_id = new_job(database)

    for _ in range(2 * POLICY.max_attempts):
        assert fail(database, job_id, AwayError("no answer")) is JobState.QUEUED


def test_findings_that_cannot_be_written_are_made_again(database: Database) -> None:
    job_id = new_job(database)
    held = claimed(database, job_id)
    with database.write() as session:
        finish_stage(session, held, stage_seconds={}, findings_key="k")
    held = claimed(database, job_id, Stage.WRITE)
    with database.write() as session:
        fail_stage(session, held, PermanentError("other", code="weights-changed"), POLICY)

    with database.write() as session:
        assert retry_job(session, job_id) is JobState.QUEUED
        assert session.get_one(Job, job_id).findings_key is None


def test_a_superseded_job_is_not_replayed(database: Database) -> None:
    job_id = new_job(database)
    with database.write() as session:
        cancel_job(session, job_id, code="superseded", reason="revision 2")
        job = session.get_one(Job, job_id)
        job.superseded_at = job.created_at
    with database.write() as session, pytest.raises(IllegalMoveError, match="superseded"):
        retry_job(session, job_id)


def test_a_job_that_finishes_while_it_is_cancelled_stays_done(database: Database) -> None:
    job_id = new_job(database)
    held = claimed(database, job_id)
    with database.write() as session:
        finish_stage(session, held, stage_seconds={}, findings_key="k")
    held = claimed(database, job_id, Stage.WRITE)
    asked = threading.Event()

    def cancel() -> None:
        asked.set()
        with database.write() as session:
            cancel_job(session, job_id, code="operator", reason="too late")

    with ThreadPoolExecutor() as threads:
        with database.write() as session:
            finish_stage(session, held, stage_seconds={})
            cancelling = threads.submit(cancel)
            asked.wait()
            time.sleep(0.3)
        with pytest.raises(IllegalMoveError):
            cancelling.result()
    assert state_of(database, job_id) == JobState.DONE


def test_an_operator_replays_from_the_stage_that_failed(database: Database) -> None:
    job_id = new_job(database)
    held = claimed(database, job_id)
    with database.write() as session:
        finish_stage(session, held, stage_seconds={}, findings_key="k")
    held = claimed(database, job_id, Stage.WRITE)
    with database.write() as session:
        fail_stage(session, held, PermanentError("refused"), POLICY)
    with database.write() as session:
        assert retry_job(session, job_id) is JobState.INFERRED
    claimed(database, job_id, Stage.WRITE)


def test_a_finished_job_is_not_replayed_or_cancelled(database: Database) -> None:
    job_id = new_job(database)
    with database.write() as session:
        cancel_job(session, job_id, code="operator", reason="asked")
        with pytest.raises(IllegalMoveError):
            cancel_job(session, job_id, code="operator", reason="again")
        with pytest.raises(KeyError):
            retry_job(session, "unknown")


def test_cancelling_fences_off_the_running_worker(database: Database) -> None:
    job_id = new_job(database)
    held = claimed(database, job_id)
    with database.write() as session:
        cancel_job(session, job_id, code="operator", reason="asked")
    with database.write() as session:
        assert not finish_stage(session, held, stage_seconds={}, findings_key="k")
    assert state_of(database, job_id) == JobState.CANCELLED


def test_the_same_work_is_one_job(database: Database) -> None:
    job_id = new_job(database)
    with database.write() as session:
        job = session.get_one(Job, job_id)
        revision = session.get_one(StudyRevision, job.revision_id)
        again = open_job(
            session,
            revision,
            key=job_key("1.2", revision.digest, "layers", "digest"),
            model="layers",
            model_version="1",
            weights_digest="digest",
            parameters={},
            instance_ids=[],
        )
        assert again.id == job_id
    with database.read() as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_messages_are_published_once_and_again_when_nobody_claims(database: Database) -> None:
    new_job(database)
    published: list[str] = []

    def publish(task: str, _queue: str, _payload: dict[str, object]) -> None:
        published.append(task)

    assert relay(database, publish) == 1
    assert relay(database, publish) == 0
    with database.write() as session:
        assert owe_again(session, publish_lease_seconds=3600) == 0
        assert owe_again(session, publish_lease_seconds=-1) == 1
        assert owe_again(session, publish_lease_seconds=-1) == 0, "one is owed already"
    assert relay(database, publish) == 1
    assert published == [RUN_MODEL_TASK] * 2


def test_a_message_stays_owed_when_the_broker_refuses_it(database: Database) -> None:
    new_job(database)

    def refuse(_task: str, _queue: str, _payload: dict[str, object]) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        relay(database, refuse)
    with database.read() as session:
        assert session.scalars(select(OutboxMessage.sent_at)).all() == [None]


def test_every_move_leaves_an_event(database: Database) -> None:
    job_id = new_job(database)
    held = claimed(database, job_id)
    with database.write() as session:
        fail_stage(session, held, PermanentError("no"), POLICY)
    with database.read() as session:
        names = session.scalars(select(Event.name).order_by(Event.id)).all()
    assert names == ["StudyReceived", "JobQueued", "JobClaimed", "JobEnded"]
