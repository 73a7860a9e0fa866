"""Results: which DICOM objects a job wrote, and whether the PACS has them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.tables import Result
from shared.states import ResultState


def record_result(session: Session, result: Result) -> None:
    """Record a built result; an earlier attempt's row for the same object is kept."""
    known = session.scalars(
        select(Result.id).where(
            Result.job_id == result.job_id, Result.sop_instance_uid == result.sop_instance_uid
        )
    ).first()
    if known is None:
        session.add(result)


def verify_result(
    session: Session, job_id: str, sop_instance_uid: str, *, already_stored: bool
) -> None:
    """Record that the PACS was seen to hold this result."""
    row = session.scalars(
        select(Result).where(Result.job_id == job_id, Result.sop_instance_uid == sop_instance_uid)
    ).one()
    if row.state != ResultState.VERIFIED:
        row.state, row.verified_at = ResultState.VERIFIED, clock(session)
        row.already_stored = already_stored
