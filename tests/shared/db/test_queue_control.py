from shared.db.claims import claim
from shared.db.engine import Database
from shared.db.jobs import finish_stage
from shared.db.outbox import relay
from shared.db.queue_control import pause_queue, paused_queues, resume_queue
from shared.db.tables import Event
from shared.messages import WRITER_QUEUE
from shared.states import Stage
from tests.shared.db.rows import queued_job


def published(database: Database) -> list[str]:
    queues: list[str] = []
    relay(database, lambda _task, queue, _payload: queues.append(queue))
    return queues


def claims(database: Database, job_id: str, stage: Stage = Stage.MODEL) -> bool:
    with database.write() as session:
        return claim(session, job_id, stage, owner="w", lease_seconds=60) is not None


def test_a_paused_queue_publishes_nothing_and_refuses_claims_until_it_is_resumed(
    database: Database,
) -> None:
    with database.write() as session:
        job_id = queued_job(session).id
        pause_queue(session, "layers", by="anna")

    assert published(database) == []
    assert not claims(database, job_id)

    with database.write() as session:
        resume_queue(session, "layers", by="anna")

    assert published(database) == ["layers"]
    assert claims(database, job_id)


def test_pausing_the_writer_lets_models_run(database: Database) -> None:
    with database.write() as session:
        job_id = queued_job(session).id
        pause_queue(session, WRITER_QUEUE)
    with database.write() as session:
        held = claim(session, job_id, Stage.MODEL, owner="w", lease_seconds=60)
        assert held is not None
        assert finish_stage(session, held, stage_seconds={}, findings_key="k")

    assert not claims(database, job_id, Stage.WRITE)
    assert published(database) == ["layers"]


def test_pausing_twice_and_resuming_what_runs_change_nothing(database: Database) -> None:
    with database.write() as session:
        resume_queue(session, "layers")
        pause_queue(session, "layers")
        pause_queue(session, "layers")
    with database.read() as session:
        assert paused_queues(session) == {"layers"}
        assert [one.name for one in session.query(Event)] == ["QueuePaused"]
