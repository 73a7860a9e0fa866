"""Refusals: who was not let in, and what not even quarantine took."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.ingest import Sender
from shared.db.tables import RefusedInstance, RefusedSender


def record_refusal(session: Session, sender: Sender, reason: str) -> None:
    """Record that ``sender`` was refused an association; repeats only raise the count."""
    now = clock(session)
    row = session.scalars(
        select(RefusedSender).where(
            RefusedSender.peer_address == sender.peer_address,
            RefusedSender.calling_ae_title == sender.calling_ae_title,
            RefusedSender.called_ae_title == sender.called_ae_title,
            RefusedSender.reason == reason,
        )
    ).one_or_none()
    if row is None:
        row = RefusedSender(
            peer_address=sender.peer_address,
            calling_ae_title=sender.calling_ae_title,
            called_ae_title=sender.called_ae_title,
            reason=reason,
            count=0,
            first_at=now,
            last_at=now,
        )
        session.add(row)
        # Once for each kind of refusal: a stranger who tries all day must not fill the table.
        record_event(
            session,
            "SenderRefused",
            calling_ae_title=sender.calling_ae_title,
            peer_address=sender.peer_address,
            reason=reason,
        )
    row.count += 1
    row.last_at = now


def record_refused_instance(
    session: Session, sop_instance_uid: str, code: str, size: int, sender: Sender
) -> None:
    """Record an instance that not even quarantine took; repeats only raise the count.

    Its sender stands among the refused ones, where an operator looks.
    """
    now = clock(session)
    row = session.scalars(
        select(RefusedInstance).where(
            RefusedInstance.sop_instance_uid == sop_instance_uid[:64], RefusedInstance.code == code
        )
    ).one_or_none()
    if row is None:
        row = RefusedInstance(
            sop_instance_uid=sop_instance_uid[:64],
            code=code,
            size=size,
            calling_ae_title=sender.calling_ae_title,
            peer_address=sender.peer_address,
            count=0,
            first_at=now,
            last_at=now,
        )
        session.add(row)
        uid = row.sop_instance_uid
        record_event(session, "InstanceRefused", sop_instance_uid=uid, code=code, size=size)
    row.count += 1
    row.last_at, row.size = now, size
    record_refusal(session, sender, f"instance {code}")
