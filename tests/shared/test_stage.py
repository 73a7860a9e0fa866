import threading
import time

import pytest

from shared.db.engine import Database
from shared.db.operations import cancel_job
from shared.db.tables import Attempt as AttemptRow
from shared.db.tables import Job
from shared.errors import BadInputError, TransientError
from shared.settings import Settings
from shared.stage import Attempt, StageRunner
from shared.states import JobState, Stage
from tests.shared.db.rows import queued_job
from tests.shared.test_pacs import web_pacs

SETTINGS = Settings(lease_seconds=5, heartbeat_seconds=0.05, retry_backoff_seconds=0.001)


def run(database: Database, job_id: str, work: object) -> Job:
    runner = StageRunner(database, SETTINGS, Stage.MODEL, "worker")
    runner.run(job_id, work)  # type: ignore[arg-type]
    with database.read() as session:
        return session.get_one(Job, job_id)


@pytest.fixture
def job_id(database: Database) -> str:
    with database.write() as session:
        return queued_job(session).id


def test_work_that_succeeds_moves_the_job_on(database: Database, job_id: str) -> None:
    def work(attempt: Attempt) -> str:
        with attempt.timed("predict"):
            return "jobs/findings"

    job = run(database, job_id, work)

    assert (job.state, job.findings_key) == (JobState.INFERRED, "jobs/findings")
    with database.read() as session:
        row = session.get_one(AttemptRow, 1)
        assert row.outcome == "succeeded"
        assert "predict" in row.stage_seconds


def test_bad_input_ends_the_job_with_its_reason(database: Database, job_id: str) -> None:
    def work(_attempt: Attempt) -> str:
        raise BadInputError("the pixels are corrupt")

    job = run(database, job_id, work)

    assert (job.state, job.code) == (JobState.FAILED, "bad-input")
    assert job.reason == "the pixels are corrupt"


def test_too_little_memory_is_said_to_be_that(database: Database, job_id: str) -> None:
    def work(_attempt: Attempt) -> str:
        raise MemoryError

    assert run(database, job_id, work).code == "out-of-memory"


def test_an_unexpected_error_is_tried_again_and_named_in_the_log_alone(
    database: Database, job_id: str
) -> None:
    def work(_attempt: Attempt) -> str:
        raise ZeroDivisionError

    job = run(database, job_id, work)

    assert (job.state, job.code) == (JobState.QUEUED, "unexpected")
    assert job.reason == "an unexpected error; see the log"


def test_a_second_copy_of_the_message_does_nothing(database: Database, job_id: str) -> None:
    calls = []

    def work(_attempt: Attempt) -> str:
        calls.append(1)
        run(database, job_id, work)
        return "key"

    run(database, job_id, work)

    assert calls == [1]


def test_work_longer_than_its_lease_keeps_the_claim(database: Database, job_id: str) -> None:
    short = SETTINGS.model_copy(update={"lease_seconds": 0.5})
    runner = StageRunner(database, short, Stage.MODEL, "worker")

    def work(_attempt: Attempt) -> str:
        time.sleep(1.0)
        return "key"

    runner.run(job_id, work)

    with database.read() as session:
        assert session.get_one(Job, job_id).state == JobState.INFERRED


def test_a_cancelled_job_tells_its_worker(database: Database, job_id: str) -> None:
    def work(attempt: Attempt) -> str:
        with database.write() as session:
            cancel_job(session, job_id, code="operator", reason="asked")
        assert attempt.lost.wait(5)
        raise TransientError("stopped", code="lease-lost")

    job = run(database, job_id, work)

    assert (job.state, job.code) == (JobState.CANCELLED, "operator")


def test_work_that_hangs_ends_its_process_instead_of_keeping_its_lease(
    database: Database, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr("shared.stage.os._exit", lambda _status: ended.set())
    settings = SETTINGS.model_copy(update={"longest_stage_seconds": 0.2})

    def work(_attempt: Attempt) -> str:
        assert ended.wait(60)
        raise TransientError("released")

    StageRunner(database, settings, Stage.MODEL, "worker").run(job_id, work)
    assert ended.is_set()


def test_a_job_outlives_an_archive_that_turns_us_away_without_being_retried_by_hand(
    database: Database, job_id: str
) -> None:
    def turned_away_by(status: int) -> Job:
        def work(_attempt: Attempt) -> None:
            with web_pacs(status) as (pacs, _):
                pacs.echo()

        StageRunner(database, SETTINGS, Stage.WRITE, "writer").run(job_id, work)
        with database.read() as session:
            return session.get_one(Job, job_id)

    run(database, job_id, lambda _attempt: "jobs/findings")
    for status in (401, 403, 404, 302):
        job = turned_away_by(status)
        assert (job.state, job.failures, job.crashes) == (JobState.INFERRED, 0, 0)
        assert str(status) in job.reason
        with database.write() as session:
            row = session.get_one(Job, job_id)
            row.not_before = row.created_at  # its backoff is over

    assert turned_away_by(204).state == JobState.DONE
