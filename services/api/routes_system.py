"""Routes of the system: processes, models, and what was not let in."""

from fastapi import APIRouter

from services.api.context import ContextOfRequest
from services.api.schemas import Limit, ModelSummary, Offset, Page, model_summaries
from shared.db.views import (
    ProcessSummary,
    RefusedSenderSummary,
    Totals,
    list_processes,
    list_refused_senders,
    totals,
)

router = APIRouter(prefix="/api/v1")


@router.get("/totals", tags=["system"], summary="Count the whole pipeline")
def get_totals(context: ContextOfRequest) -> Totals:
    """Return the numbers an admin looks at first."""
    with context.database.read() as session:
        return totals(session)


@router.get("/workers", tags=["system"], summary="List processes and their actors")
def get_workers(context: ContextOfRequest) -> list[ProcessSummary]:
    """Every process by its heartbeat; workers list their queues and actors in ``details``."""
    with context.database.read() as session:
        return list_processes(session, silent_after_seconds=context.silent_after_seconds)


@router.get("/models", tags=["system"], summary="List models")
def get_models(context: ContextOfRequest) -> list[ModelSummary]:
    """Return what each model accepts and marks, its weights and how good they are."""
    return model_summaries(context.models)


@router.get("/refused-senders", tags=["intake"], summary="List refused senders")
def get_refused_senders(
    context: ContextOfRequest, limit: Limit = 50, offset: Offset = 0
) -> Page[RefusedSenderSummary]:
    """Who was refused an association, when, how often and why; the latest first."""
    with context.database.read() as session:
        items, total = list_refused_senders(session, limit=limit, offset=offset)
    return Page(items=items, total=total, limit=limit, offset=offset)
