"""Processes: who is alive, so that admins can see a silent worker."""

import os
import socket
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.tables import Process

FORGOTTEN_AFTER = timedelta(hours=1)
"""A process that was killed is shown as silent for this long; then its row goes."""


def process_name(role: str) -> str:
    """Return the name of this process: role, host and pid."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def beat(session: Session, role: str, details: dict[str, Any] | None = None) -> None:
    """Record that this process lives, with what it wants admins to see."""
    now = clock(session)
    name = process_name(role)
    row = session.get(Process, name)
    if row is None:
        row = Process(
            name=name,
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=now,
            seen_at=now,
            details={},
        )
        session.add(row)
        record_event(session, "ProcessStarted", process=name)
    row.seen_at = now
    if details is not None:
        row.details = details


def forget_silent(session: Session) -> list[str]:
    """Remove the rows of processes that were killed long ago; return their names."""
    gone = list(
        session.scalars(
            delete(Process)
            .where(Process.seen_at < clock(session) - FORGOTTEN_AFTER)
            .returning(Process.name)
        )
    )
    for name in gone:
        record_event(session, "ProcessForgotten", process=name)
    return gone


def say_goodbye(session: Session, role: str) -> None:
    """Remove this process's row on a clean stop: silence then always means trouble."""
    row = session.get(Process, process_name(role))
    if row is not None:
        session.delete(row)
        record_event(session, "ProcessStopped", process=row.name)
