"""Previous: what a job is compared with, chosen once."""

from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.previous_tables import PreviousResult


def previous_result(session: Session, job_id: str) -> PreviousResult | None:
    """Return what was chosen for a job; ``None`` before its first attempt to write."""
    return session.get(PreviousResult, job_id)


def keep_previous_result(session: Session, row: PreviousResult) -> PreviousResult:
    """Record a choice, and return the one that counts: the first that was recorded."""
    first = session.get(PreviousResult, row.job_id)
    if first is not None:
        return first
    row.considered_at = clock(session)
    session.add(row)
    session.flush()
    return row
