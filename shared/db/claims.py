"""Claims: the right to work on a stage of a job, by one conditional UPDATE under a lease."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.queue_control import is_open
from shared.db.tables import Attempt, Job
from shared.states import WAITING, WORKING, AttemptOutcome, JobState, Stage, check_move

NO_ATTEMPTS = {"attempt": 0, "failures": 0, "crashes": 0}
"""What a job starts a stage with, and starts again with when an operator replays it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on one stage of a job until the lease runs out."""

    job_id: str
    stage: Stage
    token: int
    attempt: int
    owner: str


def claim(
    session: Session, job_id: str, stage: Stage, *, owner: str, lease_seconds: float
) -> Claim | None:
    """Claim ``stage`` of a job; ``None`` unless it waits for that, is due, its queue not paused."""
    now = clock(session)
    row = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == WAITING[stage], Job.not_before <= now, is_open(stage))
        .values(
            state=WORKING[stage],
            token=Job.token + 1,
            attempt=Job.attempt + 1,
            owner=owner,
            lease_until=now + timedelta(seconds=lease_seconds),
        )
        .returning(Job.token, Job.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    job = session.get_one(Job, job_id, populate_existing=True)
    job.started_at = job.started_at or now
    session.add(
        Attempt(
            job_id=job_id,
            token=row.token,
            stage=stage,
            owner=owner,
            started_at=now,
            outcome=AttemptOutcome.RUNNING,
            stage_seconds={},
        )
    )
    record_event(session, "JobClaimed", job_id=job_id, stage=stage, attempt=row.attempt)
    return Claim(job_id=job_id, stage=stage, token=row.token, attempt=row.attempt, owner=owner)


def renew(session: Session, held: Claim, lease_seconds: float) -> bool:
    """Extend the lease; ``False`` means the job is no longer ours: stop and discard."""
    until = clock(session) + timedelta(seconds=lease_seconds)
    return _if_ours(session, held, lease_until=until)


def relabel(session: Session, held: Claim, **labels: Any) -> bool:
    """Record with what the claimed job really runs (key, weights, version, parameters)."""
    return _if_ours(session, held, **labels)


def claim_of(job: Job) -> Claim:
    """Return the claim that is recorded on a job being worked on."""
    stage = Stage.MODEL if job.state == JobState.RUNNING else Stage.WRITE
    return Claim(job_id=job.id, stage=stage, token=job.token, attempt=job.attempt, owner=job.owner)


def move(session: Session, held: Claim, after: JobState, **changes: Any) -> bool:
    """Move a claimed job to ``after``; ``False`` when the claim was lost meanwhile."""
    check_move(WORKING[held.stage], after)
    return _if_ours(session, held, state=after, owner="", lease_until=None, **changes)


def end_attempt(
    session: Session,
    held: Claim,
    outcome: AttemptOutcome,
    *,
    code: str = "",
    reason: str = "",
    stage_seconds: dict[str, float] | None = None,
) -> None:
    """Record how the attempt behind ``held`` ended."""
    session.execute(
        update(Attempt)
        .where(Attempt.job_id == held.job_id, Attempt.token == held.token)
        .values(
            finished_at=clock(session),
            outcome=outcome,
            code=code,
            reason=reason,
            stage_seconds=stage_seconds or {},
        )
        .execution_options(synchronize_session=False)
    )


def _if_ours(session: Session, held: Claim, **changes: Any) -> bool:
    result = session.execute(
        update(Job)
        .where(Job.id == held.job_id, Job.state == WORKING[held.stage], Job.token == held.token)
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - narrows the type of an UPDATE
    return result.rowcount == 1
