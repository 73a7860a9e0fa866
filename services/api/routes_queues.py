"""Routes of queues: look, pause, resume."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path

from services.api.context import Context, ContextOfRequest
from services.api.problems import problem_responses
from services.api.security import Caller, require_key
from shared.db.queue_control import pause_queue, resume_queue
from shared.db.views import QueueSummary, list_queues
from shared.messages import WRITER_QUEUE

router = APIRouter(prefix="/api/v1/queues", tags=["system"])

log = structlog.get_logger()

Operator = Annotated[Caller, Depends(require_key)]
QueueName = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,63}$", description="a model, or writer")]

_CHANGES = {
    "responses": problem_responses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND
    ),
}


@router.get("", summary="List queues")
def get_queues(context: ContextOfRequest) -> list[QueueSummary]:
    """One queue a model, then the writer's: what waits, what runs, how old the oldest is."""
    with context.database.read() as session:
        return list_queues(session, context.models)


@router.post("/{name}/pause", summary="Pause a queue", **_CHANGES)  # type: ignore[arg-type]
def pause(context: ContextOfRequest, caller: Operator, name: QueueName) -> QueueSummary:
    """Hand out no more work from a queue; what runs goes on to its end."""
    with context.database.write() as session:
        _check(context, name)
        pause_queue(session, name, by=caller.name)
        log.info("queue_paused", queue=name, by=caller.name)
        return _one(list_queues(session, context.models), name)


@router.post("/{name}/resume", summary="Resume a queue", **_CHANGES)  # type: ignore[arg-type]
def resume(context: ContextOfRequest, caller: Operator, name: QueueName) -> QueueSummary:
    """Hand out work from a queue again."""
    with context.database.write() as session:
        _check(context, name)
        resume_queue(session, name, by=caller.name)
        log.info("queue_resumed", queue=name, by=caller.name)
        return _one(list_queues(session, context.models), name)


def _check(context: Context, name: str) -> None:
    if name != WRITER_QUEUE and name not in context.models:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such queue.")


def _one(queues: list[QueueSummary], name: str) -> QueueSummary:
    return next(one for one in queues if one.name == name)
