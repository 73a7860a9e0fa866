"""Page: one page to watch everything, kept live by asking for its sections again."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from services.api.context import Context, ContextOfRequest
from services.api.rendering import render
from services.api.schemas import JobId, StudyId, found, model_summaries
from shared.db.views import (
    StudyState,
    find_job,
    find_study,
    list_delays,
    list_events,
    list_jobs,
    list_processes,
    list_quarantined,
    list_queues,
    list_refused_senders,
    list_studies,
    totals,
)
from shared.states import JobState, QuarantineState

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

STUDIES_A_PAGE = 20
_ROWS = 20

Values = dict[str, object]
StudyFilter = Annotated[str, Query(alias="state", max_length=16)]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=10**6)]


@router.get("/")
def index(context: ContextOfRequest) -> str:
    """Return the whole page as it is now; the browser then keeps each section fresh."""
    with context.database.read() as session:
        values = _studies(context, session, "", 1)
        for section in _SECTIONS.values():
            values |= section(context, session)
    return render("page.html", values)


@router.get("/sections/studies")
def studies(context: ContextOfRequest, state: StudyFilter = "", page: PageNumber = 1) -> str:
    """Return the table of studies, filtered and paged."""
    with context.database.read() as session:
        return render("studies.html", _studies(context, session, state, page))


@router.get("/sections/{name}")
def section(context: ContextOfRequest, name: str) -> str:
    """Return one section of the page."""
    if name not in _SECTIONS:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such section.")
    with context.database.read() as session:
        return render(f"{name}.html", _SECTIONS[name](context, session))


@router.get("/details/jobs/{job_id}")
def job_details(context: ContextOfRequest, job_id: JobId) -> str:
    """Return everything about one job."""
    with context.database.read() as session:
        job = context.links.job(found(find_job(session, job_id), "job"))
        events = list_events(session, job_id=job_id)
    viewer = context.links.study(job.study_instance_uid)
    return render("job.html", {"job": job, "events": events, "viewer": viewer})


@router.get("/details/studies/{study_id}")
def study_details(context: ContextOfRequest, study_id: StudyId) -> str:
    """Return everything about one study."""
    with context.database.read() as session:
        study = context.links.study_detail(found(find_study(session, study_id), "study"))
    models = {job.id: job.model for job in study.jobs}
    return render("study.html", {"study": study, "viewer": study.viewer_url, "models": models})


def _tiles(_context: Context, session: Session) -> Values:
    return {"totals": totals(session)}


def _queues(context: Context, session: Session) -> Values:
    return {"queues": list_queues(session, context.models)}


def _attention(_context: Context, session: Session) -> Values:
    jobs, total = list_jobs(
        session, states=(JobState.FAILED, JobState.PARKED), include_superseded=False, limit=_ROWS
    )
    return {"stuck": jobs, "stuck_total": total, "delays": list_delays(session)}


def _processes(context: Context, session: Session) -> Values:
    silent_after = context.silent_after_seconds
    return {"processes": list_processes(session, silent_after_seconds=silent_after)}


def _models(context: Context, _session: Session) -> Values:
    return {"models": model_summaries(context.models)}


def _refused(context: Context, session: Session) -> Values:
    senders, total = list_refused_senders(session, limit=_ROWS)
    return {"refused": senders, "refused_total": total, "ae_title": context.settings.ae_title}


def _quarantine(_context: Context, session: Session) -> Values:
    held, total = list_quarantined(session, state=QuarantineState.HELD, limit=_ROWS)
    return {"held": held, "held_total": total}


_SECTIONS: dict[str, Callable[[Context, Session], Values]] = {
    "tiles": _tiles,
    "queues": _queues,
    "attention": _attention,
    "processes": _processes,
    "models": _models,
    "refused": _refused,
    "quarantine": _quarantine,
}


def _studies(context: Context, session: Session, state: str, page: int) -> Values:
    # A filter that is no state (a hand-made address) shows all rather than an error in a table.
    chosen = next((one for one in StudyState if one == state), None)
    offset = (page - 1) * STUDIES_A_PAGE
    rows, total = list_studies(session, state=chosen, limit=STUDIES_A_PAGE, offset=offset)
    return {
        "studies": rows,
        "studies_total": total,
        "ae_title": context.settings.ae_title,
        "study_state": chosen or "",
        "study_states": list(StudyState),
        "page": page,
        "pages": max(1, -(-total // STUDIES_A_PAGE)),
    }
