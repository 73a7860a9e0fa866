"""Queue control: a queue that an operator paused hands out no work until it is resumed.

What runs goes on to its end, so that pausing drains. The relay holds back messages of the queue,
and claims are refused for it: a message that was on its way changes nothing. After ``resume`` the
sweep owes messages again to jobs whose message was used up meanwhile.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared.db.declarative import Base
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.tables import Job
from shared.messages import WRITER_QUEUE
from shared.states import Stage


class QueueControl(Base):
    """A queue that was ever paused; running unless ``paused_at`` is set."""

    __tablename__ = "queue_control"

    name: Mapped[str] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str] = mapped_column(default="")


def pause_queue(session: Session, name: str, *, by: str = "") -> None:
    """Pause queue ``name`` (a model's, or the writer's); again changes nothing."""
    row = session.get(QueueControl, name)
    if row is None:
        row = QueueControl(name=name)
        session.add(row)
    if row.paused_at is None:
        row.paused_at, row.paused_by = clock(session), by
        record_event(session, "QueuePaused", queue=name, by=by)


def resume_queue(session: Session, name: str, *, by: str = "") -> None:
    """Let queue ``name`` hand out work again."""
    row = session.get(QueueControl, name)
    if row is not None and row.paused_at is not None:
        row.paused_at, row.paused_by = None, ""
        record_event(session, "QueueResumed", queue=name, by=by)


def paused_queues(session: Session) -> frozenset[str]:
    """Return the names of all paused queues."""
    rows = session.scalars(select(QueueControl.name).where(QueueControl.paused_at.is_not(None)))
    return frozenset(rows.all())


def is_open(stage: Stage) -> ColumnElement[bool]:
    """Return the condition that the queue of ``stage`` of a :class:`Job` row is not paused."""
    queue = Job.model if stage is Stage.MODEL else WRITER_QUEUE
    held = exists().where(QueueControl.name == queue, QueueControl.paused_at.is_not(None))
    return ~held
