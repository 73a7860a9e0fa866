"""Audit: hands event rows on in order, each at least once, from a position in the database."""

from collections.abc import Callable, Collection
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.messages import AuditedEvent
from shared.db.engine import Database, clock
from shared.db.tables import AuditPosition, Event, Job, Study, StudyRevision


def enter_channels(session: Session, names: Collection[str]) -> None:
    """Give each channel a position of its own; a new one starts where the farthest has got to.

    Before a channel's first message: one that is away from the start must miss nothing either.
    """
    rows = session.scalars(select(AuditPosition)).all()
    farthest = max((row.event_id for row in rows), default=0)
    for name in set(names) - {row.name for row in rows}:
        session.add(AuditPosition(name=name, event_id=farthest))


def relay_events(
    database: Database,
    channel: str,
    send: Callable[[AuditedEvent], None],
    settle_seconds: float,
    batch: int = 100,
) -> int:
    """Send up to ``batch`` events past the position of a channel and move it; return how many.

    The position moves after each event was taken. A crash in between sends one event twice; an
    audit trail may repeat itself, but must not leave out. Errors of ``send`` pass through.
    """
    with database.read() as session:
        found = _due(session, channel, settle_seconds, batch)
    for event in found:
        send(event)
        with database.write() as session:
            _move(session, channel, event.id)
    return len(found)


def _due(session: Session, channel: str, settle_seconds: float, batch: int) -> list[AuditedEvent]:
    position = session.get(AuditPosition, channel)
    settled = clock(session) - timedelta(seconds=settle_seconds)
    rows = session.scalars(
        select(Event)
        .where(Event.id > (0 if position is None else position.event_id))
        .order_by(Event.id)
        .limit(batch)
    ).all()
    found = []
    for row in rows:
        if row.at > settled:
            break  # later rows may be older, but the order is that of the ids
        found.append(
            AuditedEvent(
                id=row.id,
                at=row.at,
                name=row.name,
                study_instance_uid=_study_of(session, row),
                job_id=row.job_id or "",
                details=row.details,
            )
        )
    return found


def _study_of(session: Session, event: Event) -> str:
    if event.study_id is None and event.job_id is None:
        return ""
    query = select(Study.study_instance_uid)
    if event.study_id is not None:
        query = query.where(Study.id == event.study_id)
    else:
        query = (
            query.join(StudyRevision, StudyRevision.study_id == Study.id)
            .join(Job, Job.revision_id == StudyRevision.id)
            .where(Job.id == event.job_id)
        )
    return session.scalars(query).first() or ""


def _move(session: Session, channel: str, event_id: int) -> None:
    position = session.get(AuditPosition, channel)
    if position is None:
        session.add(AuditPosition(name=channel, event_id=event_id))
    elif position.event_id < event_id:
        position.event_id = event_id
