"""Outbox: messages leave only after the commit that made them true."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from shared.db.engine import Database, clock
from shared.db.queue_control import paused_queues
from shared.db.tables import Job, OutboxMessage
from shared.failpoints import failpoint
from shared.messages import (
    RUN_MODEL_TASK,
    WRITE_RESULTS_TASK,
    WRITER_QUEUE,
    RunModel,
    WriteResults,
)
from shared.states import WAITING, Stage

Publish = Callable[[str, str, dict[str, object]], None]
"""Publish (task name, queue, payload); raises what the broker raises."""


def owe_message(session: Session, job: Job, stage: Stage, available_at: datetime) -> None:
    """Owe the message that wakes whoever runs ``stage`` of ``job``."""
    if stage is Stage.MODEL:
        task, queue = RUN_MODEL_TASK, job.model
        payload = RunModel(job_id=job.id).model_dump()
    else:
        task, queue = WRITE_RESULTS_TASK, WRITER_QUEUE
        payload = WriteResults(job_id=job.id).model_dump()
    session.add(
        OutboxMessage(
            task=task,
            queue=queue,
            payload=payload,
            job_id=job.id,
            created_at=clock(session),
            available_at=available_at,
        )
    )


def relay(database: Database, publish: Publish, batch: int = 100) -> int:
    """Publish up to ``batch`` due messages; return how many.

    A message is marked sent only after the broker took it. A crash in between sends it twice,
    which is harmless: a job is claimed in the database. Messages of a paused queue are held back.
    Errors of ``publish`` pass through.
    """
    with database.read() as session:
        due = session.scalars(
            select(OutboxMessage)
            .where(
                OutboxMessage.sent_at.is_(None),
                OutboxMessage.available_at <= clock(session),
                OutboxMessage.queue.not_in(paused_queues(session)),
            )
            .order_by(OutboxMessage.id)
            .limit(batch)
        ).all()
    for message in due:
        failpoint("relay.before-publish")
        publish(message.task, message.queue, message.payload)
        failpoint("relay.after-publish")
        with database.write() as session:
            row = session.get_one(OutboxMessage, message.id)
            row.sent_at = clock(session)
        failpoint("relay.after-sent-mark")
    return len(due)


def owe_again(session: Session, publish_lease_seconds: float) -> int:
    """Owe a fresh message for every waiting job whose messages were sent but never claimed.

    A broker may lose what it accepted. Each repeat waits longer, so that a long queue does not
    fill with copies (which would be harmless: only one claim succeeds).
    """
    now = clock(session)
    lost = 0
    for stage, state in WAITING.items():
        rows = session.execute(
            select(Job, func.count(), func.max(OutboxMessage.created_at), _unsent)
            .join(OutboxMessage, OutboxMessage.job_id == Job.id)
            .where(Job.state == state, Job.not_before <= now)
            .group_by(Job.id)
        ).all()
        for job, count, last, unsent in rows:
            patience = timedelta(seconds=publish_lease_seconds * min(count, 10))
            if not unsent and last < now - patience:
                owe_message(session, job, stage, now)
                lost += 1
    return lost


_unsent = func.sum(case((OutboxMessage.sent_at.is_(None), 1), else_=0))
