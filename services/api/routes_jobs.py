"""Routes of jobs: look, retry, cancel."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query

from services.api.context import ContextOfRequest
from services.api.links import LinkedJob
from services.api.problems import problem_responses
from services.api.schemas import JobId, Limit, Moved, Offset, Page, found
from services.api.security import Caller, require_key
from shared.db.operations import cancel_job, retry_job
from shared.db.views import JobSummary, find_job, list_jobs
from shared.states import JobState

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

log = structlog.get_logger()

Operator = Annotated[Caller, Depends(require_key)]

_CHANGES = {
    "responses": problem_responses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
    ),
}


@router.get("", summary="List jobs, the newest first")
def get_jobs(
    context: ContextOfRequest,
    state: Annotated[list[JobState] | None, Query(description="one or more states")] = None,
    model: Annotated[str | None, Query(pattern="^[a-z][a-z0-9_]{0,63}$")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[JobSummary]:
    """Each job with its state and why it is in it."""
    with context.database.read() as session:
        items, total = list_jobs(
            session, states=state or (), model=model, limit=limit, offset=offset
        )
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.get("/{job_id}", summary="Show one job", responses=problem_responses(HTTPStatus.NOT_FOUND))
def get_job(context: ContextOfRequest, job_id: JobId) -> LinkedJob:
    """Return a job with its attempts, the seconds each step took, and its results."""
    with context.database.read() as session:
        return context.links.job(found(find_job(session, job_id), "job"))


@router.post("/{job_id}/retry", summary="Retry a job", **_CHANGES)  # type: ignore[arg-type]
def retry(context: ContextOfRequest, caller: Operator, job_id: JobId) -> Moved:
    """Replay a job that failed, was parked or cancelled, from the stage that failed."""
    try:
        with context.database.write() as session:
            state = retry_job(session, job_id, by=caller.name)
    except KeyError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such job.") from None
    log.info("job_retried", job_id=job_id, state=state, by=caller.name)
    return Moved(job_id=job_id, state=state)


@router.post("/{job_id}/cancel", summary="Cancel a job", **_CHANGES)  # type: ignore[arg-type]
def cancel(context: ContextOfRequest, caller: Operator, job_id: JobId) -> Moved:
    """Cancel a job that has not ended; a worker that still runs it loses its claim."""
    try:
        with context.database.write() as session:
            reason = "cancelled by an operator"
            cancel_job(session, job_id, code="operator", reason=reason, by=caller.name)
    except KeyError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such job.") from None
    log.info("job_cancelled", job_id=job_id, by=caller.name)
    return Moved(job_id=job_id, state=JobState.CANCELLED)
