"""Routes of studies and results: what arrived, what was decided, what was written."""

from http import HTTPStatus

from fastapi import APIRouter

from services.api.context import ContextOfRequest
from services.api.links import LinkedResult, LinkedStudy
from services.api.problems import problem_responses
from services.api.schemas import Limit, Offset, Page, StudyId, found
from shared.db.views import (
    StudyState,
    StudySummary,
    find_study,
    list_results,
    list_studies,
)

router = APIRouter(prefix="/api/v1", tags=["studies"])


@router.get("/studies", summary="List studies, the latest image first")
def get_studies(
    context: ContextOfRequest,
    state: StudyState | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[StudySummary]:
    """Each study with its state, why it is in it, and the jobs of its current revision."""
    with context.database.read() as session:
        items, total = list_studies(session, state=state, limit=limit, offset=offset)
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.get(
    "/studies/{study_id}",
    summary="Show one study",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
def get_study(context: ContextOfRequest, study_id: StudyId) -> LinkedStudy:
    """Return its series, what routing decided about each, its results and its history."""
    with context.database.read() as session:
        return context.links.study_detail(found(find_study(session, study_id), "study"))


@router.get("/results", summary="List results, the newest first")
def get_results(
    context: ContextOfRequest, limit: Limit = 50, offset: Offset = 0
) -> Page[LinkedResult]:
    """Each DICOM object that was written, and whether the PACS was seen to hold it."""
    with context.database.read() as session:
        results, total = list_results(session, limit=limit, offset=offset)
    items = list(context.links.results(results))
    return Page(items=items, total=total, limit=limit, offset=offset)
