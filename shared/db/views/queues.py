"""Queues: what waits, what runs and how long the oldest has waited, from the database.

The broker's own length says little: a message may be in flight, repeated or lost.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.declarative import UtcDateTime
from shared.db.engine import clock
from shared.db.ingest import ASSOCIATION_SILENCE
from shared.db.queue_control import paused_queues
from shared.db.tables import Association, Job, QuarantinedInstance, Study
from shared.db.views.view import View
from shared.messages import WRITER_QUEUE
from shared.states import JobState, QuarantineState


class QueueSummary(View):
    """One queue: a model's, or the writer's."""

    name: str
    waiting: int = Field(description="jobs that may be claimed now")
    delayed: int = Field(description="jobs that wait for their next attempt after an error")
    running: int
    oldest_seconds: float | None = Field(description="how long the oldest waiting job has waited")
    paused: bool = Field(default=False, description="an operator has it hand out no work")

    @property
    def depth(self) -> int:
        """Everything that is not running yet."""
        return self.waiting + self.delayed


class Totals(View):
    """The whole pipeline in eight numbers."""

    associations: int = Field(description="senders connected now")
    receiving: int = Field(description="studies that still get images")
    queued: int
    running: int
    writing: int = Field(description="jobs that wait for the writer or are being written")
    done_last_day: int = Field(description="jobs done in the last 24 hours")
    failed: int = Field(description="jobs that failed or were parked and are still of interest")
    quarantined: int = Field(description="instances held in quarantine")


def list_queues(session: Session, models: Collection[str]) -> list[QueueSummary]:
    """Return the queue of each of ``models`` (and of any other that has jobs), then the writer."""
    now = clock(session)
    waiting = _counts(session, JobState.QUEUED, now, due=True)
    delayed = _counts(session, JobState.QUEUED, now, due=False)
    running = _counts(session, JobState.RUNNING, now, due=None)
    names = sorted({*models, *waiting, *delayed, *running})
    paused = paused_queues(session)
    queues = [
        QueueSummary(
            name=name,
            waiting=waiting.get(name, _NONE)[0],
            delayed=delayed.get(name, _NONE)[0],
            running=running.get(name, _NONE)[0],
            oldest_seconds=_age(waiting.get(name, _NONE)[1], now),
            paused=name in paused,
        )
        for name in names
    ]
    return [*queues, _writer(session, now)]


def totals(session: Session) -> Totals:
    """Return the numbers an admin looks at first."""
    now = clock(session)
    rows = session.execute(
        select(Job.state, func.count()).where(Job.superseded_at.is_(None)).group_by(Job.state)
    ).all()
    jobs = {JobState(state): count for state, count in rows}
    open_now = (Association.closed_at.is_(None), Association.seen_at > now - ASSOCIATION_SILENCE)
    held = QuarantinedInstance.state == QuarantineState.HELD
    done = (Job.state == JobState.DONE, Job.finished_at > now - timedelta(days=1))
    return Totals(
        associations=session.scalar(select(func.count(Association.id)).where(*open_now)) or 0,
        receiving=session.scalar(select(func.count(Study.id)).where(Study.dirty)) or 0,
        queued=jobs.get(JobState.QUEUED, 0),
        running=jobs.get(JobState.RUNNING, 0),
        writing=jobs.get(JobState.INFERRED, 0) + jobs.get(JobState.WRITING, 0),
        done_last_day=session.scalar(select(func.count(Job.id)).where(*done)) or 0,
        failed=jobs.get(JobState.FAILED, 0) + jobs.get(JobState.PARKED, 0),
        quarantined=session.scalar(select(func.count(QuarantinedInstance.id)).where(held)) or 0,
    )


def _writer(session: Session, now: datetime) -> QueueSummary:
    waiting = _counts(session, JobState.INFERRED, now, due=True)
    delayed = _counts(session, JobState.INFERRED, now, due=False)
    running = _counts(session, JobState.WRITING, now, due=None)
    oldest = min((since for _, since in waiting.values() if since is not None), default=None)
    return QueueSummary(
        name=WRITER_QUEUE,
        waiting=sum(count for count, _ in waiting.values()),
        delayed=sum(count for count, _ in delayed.values()),
        running=sum(count for count, _ in running.values()),
        oldest_seconds=_age(oldest, now),
        paused=WRITER_QUEUE in paused_queues(session),
    )


_Counts = dict[str, tuple[int, datetime | None]]
_NONE: tuple[int, datetime | None] = (0, None)


def _counts(session: Session, state: JobState, now: datetime, *, due: bool | None) -> _Counts:
    """Per model: how many jobs are in ``state``, and since when the oldest could be claimed."""
    oldest = func.min(Job.not_before, type_=UtcDateTime)
    query = select(Job.model, func.count(), oldest).where(Job.state == state)
    if due is not None:
        query = query.where(Job.not_before <= now if due else Job.not_before > now)
    rows = session.execute(query.group_by(Job.model))
    return {model: (count, since) for model, count, since in rows}


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)
