"""Quarantine: what an operator may decide about bytes that were set aside, and what follows."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.events import record_event
from shared.db.tables import QuarantinedInstance
from shared.states import IllegalMoveError, QuarantineState


def release_quarantined(session: Session, quarantined_id: int, *, by: str) -> None:
    """Have the listener take the bytes in once more, as if they had just arrived; ``by`` asked.

    Raises
    ------
    KeyError
        No such quarantined instance.
    IllegalMoveError
        It is not held: an operator decided before.
    """
    row = _held(session, quarantined_id)
    row.state = QuarantineState.RELEASED
    record_event(session, "QuarantineReleased", sha256=row.sha256, code=row.code, by=by)


def discard_quarantined(session: Session, quarantined_id: int, *, by: str) -> None:
    """Say that nobody needs the bytes: retention may remove them. Raises as for a release."""
    row = _held(session, quarantined_id)
    row.state = QuarantineState.DISCARDED
    record_event(session, "QuarantineDiscarded", sha256=row.sha256, code=row.code, by=by)


def list_released(session: Session, limit: int = 100) -> list[QuarantinedInstance]:
    """Return what was released and not taken in yet, the oldest first."""
    query = (
        select(QuarantinedInstance)
        .where(
            QuarantinedInstance.state == QuarantineState.RELEASED,
            QuarantinedInstance.spool_key.is_not(None),
        )
        .order_by(QuarantinedInstance.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def end_release(session: Session, quarantined_id: int) -> str | None:
    """Record that the bytes were taken in; return the key of the copy that nobody needs now.

    None where another listener was faster.
    """
    row = _released(session, quarantined_id)
    if row is None:
        return None
    key, row.spool_key = row.spool_key, None
    return key


def hold_again(session: Session, quarantined_id: int, *, code: str, reason: str) -> bool:
    """Record that the bytes still cannot be accepted; ``False`` where another was faster."""
    row = _released(session, quarantined_id)
    if row is None:
        return False
    row.state, row.code, row.reason = QuarantineState.HELD, code, reason
    record_event(session, "QuarantineHeldAgain", sha256=row.sha256, code=code)
    return True


def _released(session: Session, quarantined_id: int) -> QuarantinedInstance | None:
    row = session.get(
        QuarantinedInstance, quarantined_id, with_for_update=True, populate_existing=True
    )
    waits = row is not None and row.state == QuarantineState.RELEASED and row.spool_key is not None
    return row if waits else None


def _held(session: Session, quarantined_id: int) -> QuarantinedInstance:
    row = session.get(
        QuarantinedInstance, quarantined_id, with_for_update=True, populate_existing=True
    )
    if row is None:
        raise KeyError(quarantined_id)
    if row.state != QuarantineState.HELD:
        raise IllegalMoveError(f"this instance is {row.state} already")
    return row
