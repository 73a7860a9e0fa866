"""Routes of the quarantine: look, release, discard."""

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path

from services.api.context import ContextOfRequest
from services.api.problems import problem_responses
from services.api.schemas import Decided, Limit, Offset, Page
from services.api.security import Caller, require_admin, require_key
from shared.db.quarantine import discard_quarantined, release_quarantined
from shared.db.views import QuarantinedSummary, list_quarantined
from shared.states import QuarantineState

router = APIRouter(prefix="/api/v1/quarantine", tags=["intake"])

log = structlog.get_logger()

Operator = Annotated[Caller, Depends(require_key)]
Admin = Annotated[Caller, Depends(require_admin)]
QuarantinedId = Annotated[int, Path(ge=1, le=2**31 - 1, description="the instance's number")]

_CHANGES = {
    "responses": problem_responses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
    ),
}


@router.get("", summary="List quarantined instances")
def get_quarantine(
    context: ContextOfRequest,
    state: QuarantineState | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[QuarantinedSummary]:
    """Bytes that could not be accepted, with the reason; the latest first."""
    with context.database.read() as session:
        items, total = list_quarantined(session, state=state, limit=limit, offset=offset)
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/{quarantined_id}/release", summary="Release an instance", **_CHANGES)  # type: ignore[arg-type]
def release(context: ContextOfRequest, caller: Operator, quarantined_id: QuarantinedId) -> Decided:
    """Have the listener judge the bytes once more; what it still refuses is held again."""
    try:
        with context.database.write() as session:
            release_quarantined(session, quarantined_id, by=caller.name)
    except KeyError:
        raise HTTPException(HTTPStatus.NOT_FOUND, _NONE) from None
    log.info("quarantine_released", quarantined_id=quarantined_id, by=caller.name)
    return Decided(id=quarantined_id, state=QuarantineState.RELEASED)


@router.post("/{quarantined_id}/discard", summary="Discard an instance", **_CHANGES)  # type: ignore[arg-type]
def discard(context: ContextOfRequest, caller: Admin, quarantined_id: QuarantinedId) -> Decided:
    """Give the bytes up: retention removes them, for good; the row stays. Takes `admin`."""
    try:
        with context.database.write() as session:
            discard_quarantined(session, quarantined_id, by=caller.name)
    except KeyError:
        raise HTTPException(HTTPStatus.NOT_FOUND, _NONE) from None
    log.info("quarantine_discarded", quarantined_id=quarantined_id, by=caller.name)
    return Decided(id=quarantined_id, state=QuarantineState.DISCARDED)


_NONE = "There is no such quarantined instance."
