"""Jobs: how one is opened, how its stages end, and what happens to one whose owner died."""

import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.claims import NO_ATTEMPTS, Claim, claim_of, end_attempt, move
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.operations import SUPERSEDED, retry_job
from shared.db.outbox import owe_message
from shared.db.tables import Job, Result, StudyRevision
from shared.errors import AwayError, CrashError, CutisError, TransientError
from shared.states import FINISHED, WAITING, WORKING, AttemptOutcome, JobState, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a job that failed transiently is tried again."""

    max_attempts: int
    backoff_seconds: float
    max_backoff_seconds: float = 900.0
    max_crashes: int = 3

    def delay(self, attempt: int) -> timedelta:
        """Return the wait before the attempt after ``attempt`` (1-based), doubling, capped.

        Up to a quarter shorter, by chance: what failed together shall not come back together.
        """
        seconds = min(self.backoff_seconds * 2 ** min(attempt - 1, 20), self.max_backoff_seconds)
        return timedelta(seconds=seconds * random.uniform(0.75, 1.0))  # noqa: S311


def job_key(
    study_instance_uid: str, input_digest: str, model: str, weights_digest: str, **more: Any
) -> str:
    """Return the idempotency key: the same work has the same key, whoever asks for it."""
    parts = [study_instance_uid, input_digest, model, weights_digest, more]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def awaited_instances(session: Session) -> list[int]:
    """Return the ids of instances that waiting jobs need, in order, each once."""
    waiting = Job.state.in_(tuple(WAITING.values()))
    needed = session.scalars(select(Job.instance_ids).where(waiting))
    return sorted({one for ids in needed for one in ids})


def scales_in_key(scales: Mapping[str, float]) -> dict[str, Any]:
    """Return what site-given scales add to a job's key: nothing where there are none."""
    return {"scales": dict(scales)} if scales else {}


def open_job(
    session: Session,
    revision: StudyRevision,
    *,
    key: str,
    model: str,
    model_version: str,
    weights_digest: str,
    parameters: dict[str, str],
    instance_ids: list[int],
    scales: Mapping[str, float] | None = None,
) -> Job:
    """Return the job with ``key``, opened now (with its message owed) unless it exists.

    A job that an earlier revision opened on the very same input moves to this revision: its
    results still hold. One that was cancelled because a later revision came before it ran waits
    once more: this revision wants it.
    """
    now = clock(session)
    # Locked: a worker may end the job just now.
    wanted = select(Job).where(Job.key == key).with_for_update()
    job = session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()
    if job is not None:
        job.revision_id, job.superseded_at = revision.id, None
        session.execute(update(Result).where(Result.job_id == job.id).values(superseded_at=None))
        record_event(session, "JobCarriedOver", study_id=revision.study_id, job_id=job.id)
        if (job.state, job.code) == (JobState.CANCELLED, SUPERSEDED):
            retry_job(session, job.id, by="dispatcher")
        return job
    job = Job(
        id=uuid.uuid4().hex,
        key=key,
        revision_id=revision.id,
        model=model,
        model_version=model_version,
        weights_digest=weights_digest,
        parameters=parameters,
        scales=dict(scales or {}),
        instance_ids=instance_ids,
        state=JobState.QUEUED,
        not_before=now,
        created_at=now,
    )
    session.add(job)
    session.flush()
    owe_message(session, job, Stage.MODEL, now)
    record_event(session, "JobQueued", study_id=revision.study_id, job_id=job.id, model=model)
    return job


def finish_stage(
    session: Session,
    held: Claim,
    *,
    stage_seconds: dict[str, float],
    findings_key: str | None = None,
) -> bool:
    """Record that the claimed stage succeeded; ``False`` when the claim was lost meanwhile."""
    now = clock(session)
    changes: dict[str, Any] = {"code": "", "reason": "", "not_before": now}
    if held.stage is Stage.MODEL:
        changes |= {"findings_key": findings_key, **NO_ATTEMPTS}
    else:
        changes["finished_at"] = now
    if not move(session, held, FINISHED[held.stage], **changes):
        return False
    job = session.get_one(Job, held.job_id, populate_existing=True)
    if held.stage is Stage.MODEL:
        owe_message(session, job, Stage.WRITE, now)
    end_attempt(session, held, AttemptOutcome.SUCCEEDED, stage_seconds=stage_seconds)
    name = "ModelRan" if held.stage is Stage.MODEL else "ResultsWritten"
    record_event(session, name, job_id=job.id)
    return True


def fail_stage(
    session: Session,
    held: Claim,
    error: CutisError,
    policy: RetryPolicy,
    stage_seconds: dict[str, float] | None = None,
) -> JobState | None:
    """Decide the fate of a job whose stage met ``error``; ``None`` when the claim was lost.

    Permanent errors end it at once. Transient ones wait and try again: up to the policy's cap,
    then the job fails; without a cap while a neighbour is away; and a job whose process died as
    often as the policy bears is parked.
    """
    if isinstance(error, CrashError):
        moved = _after_crash(session, held, policy, code=error.code, reason=error.reason)
        outcome = AttemptOutcome.LOST
    elif isinstance(error, AwayError):
        moved = _again_or_end(session, held, JobState.FAILED, policy, Ending(error, again=True))
        outcome = AttemptOutcome.TRANSIENT
    elif isinstance(error, TransientError):
        failures = session.get_one(Job, held.job_id, populate_existing=True).failures + 1
        ending = Ending(error, again=failures < policy.max_attempts, counted={"failures": failures})
        moved = _again_or_end(session, held, JobState.FAILED, policy, ending)
        outcome = AttemptOutcome.TRANSIENT
    else:
        moved = _again_or_end(session, held, JobState.FAILED, policy, Ending(error, again=False))
        outcome = AttemptOutcome.PERMANENT
    if moved is not None:
        code, reason = error.code, error.reason
        end_attempt(session, held, outcome, code=code, reason=reason, stage_seconds=stage_seconds)
    return moved


def recover_lost(session: Session, policy: RetryPolicy) -> int:
    """Give back every job whose lease ran out; one that lost its owner too often is parked."""
    now = clock(session)
    lost = session.scalars(
        select(Job).where(Job.state.in_(tuple(WORKING.values())), Job.lease_until < now)
    ).all()
    for job in lost:
        held = claim_of(job)
        reason = f"{held.owner} stopped answering during attempt {held.attempt}"
        if _after_crash(session, held, policy, code="lost", reason=reason):
            end_attempt(session, held, AttemptOutcome.LOST, code="lost", reason=reason)
    return len(lost)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: its error, whether another follows, and what it is counted as."""

    error: CutisError
    again: bool
    counted: dict[str, int] = field(default_factory=dict)


def _after_crash(
    session: Session, held: Claim, policy: RetryPolicy, *, code: str, reason: str
) -> JobState | None:
    crashes = session.get_one(Job, held.job_id, populate_existing=True).crashes + 1
    ending = Ending(
        CrashError(reason, code=code),
        again=crashes < policy.max_crashes,
        counted={"crashes": crashes},
    )
    return _again_or_end(session, held, JobState.PARKED, policy, ending)


def _again_or_end(
    session: Session, held: Claim, end: JobState, policy: RetryPolicy, ending: Ending
) -> JobState | None:
    now = clock(session)
    after = WAITING[held.stage] if ending.again else end
    due = now + policy.delay(held.attempt)
    error = ending.error
    changes: dict[str, Any] = {"code": error.code, "reason": error.reason, **ending.counted}
    changes |= {"not_before": due} if ending.again else {"not_before": now, "finished_at": now}
    if not move(session, held, after, **changes):
        return None
    if ending.again:
        owe_message(session, session.get_one(Job, held.job_id), held.stage, due)
    name = "JobDelayed" if ending.again else "JobEnded"
    record_event(session, name, job_id=held.job_id, code=error.code)
    return after
