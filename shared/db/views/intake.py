"""Intake: who was refused, and what was set aside."""

from datetime import datetime

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.tables import QuarantinedInstance, RefusedSender
from shared.db.views.view import View
from shared.states import QuarantineState


class RefusedSenderSummary(View):
    """A sender that was refused an association, and why."""

    id: int
    peer_address: str
    calling_ae_title: str
    called_ae_title: str
    reason: str
    count: int = Field(description="how often this happened")
    first_at: datetime
    last_at: datetime


class QuarantinedSummary(View):
    """Bytes that were set aside with their reason."""

    id: int
    sha256: str
    size: int = Field(description="bytes")
    code: str
    reason: str
    calling_ae_title: str
    peer_address: str
    state: QuarantineState
    received_at: datetime


def list_refused_senders(
    session: Session, *, limit: int = 100, offset: int = 0
) -> tuple[list[RefusedSenderSummary], int]:
    """Return refused senders, the latest first, and how many there are in all."""
    query = select(RefusedSender).order_by(RefusedSender.last_at.desc(), RefusedSender.id.desc())
    rows = session.scalars(query.limit(limit).offset(offset)).all()
    total = session.scalar(select(func.count()).select_from(RefusedSender)) or 0
    return [RefusedSenderSummary.model_validate(row) for row in rows], total


def count_refusals(session: Session) -> int:
    """Return how many associations were refused in all."""
    return session.scalar(select(func.coalesce(func.sum(RefusedSender.count), 0))) or 0


def list_quarantined(
    session: Session, *, state: QuarantineState | None = None, limit: int = 100, offset: int = 0
) -> tuple[list[QuarantinedSummary], int]:
    """Return quarantined instances, the latest first, and how many there are in all."""
    query = select(QuarantinedInstance)
    if state is not None:
        query = query.where(QuarantinedInstance.state == state)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(
        query.order_by(QuarantinedInstance.id.desc()).limit(limit).offset(offset)
    ).all()
    return [QuarantinedSummary.model_validate(row) for row in rows], total


def count_quarantined(session: Session) -> dict[QuarantineState, int]:
    """Return how many instances are in each quarantine state."""
    rows = session.execute(
        select(QuarantinedInstance.state, func.count()).group_by(QuarantinedInstance.state)
    ).all()
    return dict.fromkeys(QuarantineState, 0) | {QuarantineState(one): n for one, n in rows}
