"""Events: one append-only row for everything that happened."""

from typing import Any

from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.tables import Event


def record_event(
    session: Session,
    name: str,
    *,
    study_id: int | None = None,
    job_id: str | None = None,
    **details: Any,
) -> None:
    """Append event ``name`` (past tense, ``StudyReceived``) in this transaction."""
    session.add(
        Event(at=clock(session), name=name, study_id=study_id, job_id=job_id, details=details)
    )
