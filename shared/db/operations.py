"""Operations: what an operator, or a newer revision, may do to a job."""

from sqlalchemy.orm import Session

from shared.db.claims import claim_of, end_attempt
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.outbox import owe_message
from shared.db.tables import Job
from shared.states import (
    WAITING,
    WORKING,
    AttemptOutcome,
    IllegalMoveError,
    JobState,
    Stage,
    check_move,
)

SUPERSEDED = "superseded"
"""Code of a job that was cancelled because a later revision of its study arrived first."""

_FROM_THE_MODEL = frozenset({"weights-changed", "findings", "no-findings", "encoding"})
"""Codes of write failures that no second write mends: the model has to run again."""


def retry_job(session: Session, job_id: str, *, by: str = "") -> JobState:
    """Replay a job that ended without success, from the stage to be done again; ``by`` asked.

    Raises
    ------
    KeyError
        No such job.
    IllegalMoveError
        The job is not in a state that can be replayed, or a later revision superseded it.
    """
    job = _existing(session, job_id)
    if job.superseded_at is not None:
        raise IllegalMoveError("a later revision of the study superseded this job")
    if job.code in _FROM_THE_MODEL:
        job.findings_key = None
    stage = Stage.MODEL if job.findings_key is None else Stage.WRITE
    check_move(JobState(job.state), WAITING[stage])
    now = clock(session)
    job.state, job.code, job.reason = WAITING[stage], "", ""
    job.attempt, job.failures, job.crashes = 0, 0, 0
    job.finished_at, job.lease_until, job.not_before = None, None, now
    owe_message(session, job, stage, now)
    record_event(session, "JobRetried", job_id=job.id, stage=stage, by=by)
    return WAITING[stage]


def cancel_job(session: Session, job_id: str, *, code: str, reason: str, by: str = "") -> None:
    """Cancel a job that has not ended; a worker that still runs it will lose its claim.

    Raises
    ------
    KeyError
        No such job.
    IllegalMoveError
        The job has ended already.
    """
    job = _existing(session, job_id)
    check_move(JobState(job.state), JobState.CANCELLED)
    if JobState(job.state) in WORKING.values():
        end_attempt(session, claim_of(job), AttemptOutcome.CANCELLED, code=code, reason=reason)
    job.state, job.code, job.reason = JobState.CANCELLED, code, reason
    job.finished_at, job.lease_until = clock(session), None
    job.token += 1  # fences off the worker that still holds the old token
    record_event(session, "JobCancelled", job_id=job.id, code=code, by=by)


def _existing(session: Session, job_id: str) -> Job:
    # Locked: between this look and the change, a worker may finish the job.
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise KeyError(job_id)
    return job
