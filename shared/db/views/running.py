"""Running: which processes were seen lately, and which went silent."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.tables import Process
from shared.db.views.view import View


class ProcessSummary(View):
    """One process by its heartbeat. A clean stop removes it, so silence means trouble."""

    name: str
    role: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    silent: bool = Field(description="not heard for longer than it should be")
    details: dict[str, Any] = Field(description="what it says of itself; workers list their actors")


def list_processes(session: Session, *, silent_after_seconds: float) -> list[ProcessSummary]:
    """Return every process, by role, then name."""
    earliest = clock(session) - timedelta(seconds=silent_after_seconds)
    rows = session.scalars(select(Process).order_by(Process.role, Process.name)).all()
    return [
        ProcessSummary(
            name=row.name,
            role=row.role,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            seen_at=row.seen_at,
            silent=row.seen_at < earliest,
            details=row.details,
        )
        for row in rows
    ]
