"""Jobs: how one is opened, how its stages end, and what happens to one whose owner died."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.claims import Claim, claim_of, end_attempt, move
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.outbox import owe_message
from shared.db.tables import Job, StudyRevision
from shared.errors import CutisError, TransientError
from shared.states import FINISHED, WAITING, WORKING, AttemptOutcome, JobState, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a job that failed transiently is tried again."""

    max_attempts: int
    backoff_seconds: float
    max_backoff_seconds: float = 900.0

    def delay(self, attempt: int) -> timedelta:
        """Return the wait before the attempt after ``attempt`` (1-based), doubling, capped."""
        seconds = self.backoff_seconds * 2 ** (attempt - 1)
        return timedelta(seconds=min(seconds, self.max_backoff_seconds))


def job_key(
    study_instance_uid: str, input_digest: str, model: str, weights_digest: str, **more: Any
) -> str:
    """Return the idempotency key: the same work has the same key, whoever asks for it."""
    parts = [study_instance_uid, input_digest, model, weights_digest, more]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
) -> Job:
    """Return the job with ``key``, opened now (with its message owed) unless it exists.

    A job that an earlier revision opened on the very same input moves to this revision: its
    results still hold.
    """
    now = clock(session)
    job = session.scalars(select(Job).where(Job.key == key)).one_or_none()
    if job is not None:
        job.revision_id, job.superseded_at = revision.id, None
        record_event(session, "JobCarriedOver", study_id=revision.study_id, job_id=job.id)
        return job
    job = Job(
        id=uuid.uuid4().hex,
        key=key,
        revision_id=revision.id,
        model=model,
        model_version=model_version,
        weights_digest=weights_digest,
        parameters=parameters,
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
    changes: dict[str, Any] = {"attempt": 0, "code": "", "reason": "", "not_before": now}
    if held.stage is Stage.MODEL:
        changes["findings_key"] = findings_key
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

    Transient errors wait and try again up to the policy's cap, then the job fails; permanent
    errors end it at once.
    """
    transient = isinstance(error, TransientError)
    outcome = AttemptOutcome.TRANSIENT if transient else AttemptOutcome.PERMANENT
    again = transient and held.attempt < policy.max_attempts
    moved = _again_or_end(
        session, held, again, JobState.FAILED, policy, code=error.code, reason=error.reason
    )
    if moved is not None:
        end_attempt(
            session,
            held,
            outcome,
            code=error.code,
            reason=error.reason,
            stage_seconds=stage_seconds,
        )
    return moved


def recover_lost(session: Session, policy: RetryPolicy) -> int:
    """Give back every job whose lease ran out; one that lost its owner too often is parked."""
    now = clock(session)
    lost = session.scalars(
        select(Job).where(Job.state.in_(tuple(WORKING.values())), Job.lease_until < now)
    ).all()
    for job in lost:
        held = claim_of(job)
        again = held.attempt < policy.max_attempts
        reason = f"{held.owner} stopped answering during attempt {held.attempt}"
        if _again_or_end(session, held, again, JobState.PARKED, policy, code="lost", reason=reason):
            end_attempt(session, held, AttemptOutcome.LOST, code="lost", reason=reason)
    return len(lost)


def _again_or_end(
    session: Session,
    held: Claim,
    again: bool,
    end: JobState,
    policy: RetryPolicy,
    *,
    code: str,
    reason: str,
) -> JobState | None:
    now = clock(session)
    after = WAITING[held.stage] if again else end
    due = now + policy.delay(held.attempt)
    changes: dict[str, Any] = {"code": code, "reason": reason, "not_before": due}
    if not again:
        changes |= {"not_before": now, "finished_at": now}
    if not move(session, held, after, **changes):
        return None
    if again:
        owe_message(session, session.get_one(Job, held.job_id), held.stage, due)
    record_event(session, "JobDelayed" if again else "JobEnded", job_id=held.job_id, code=code)
    return after
