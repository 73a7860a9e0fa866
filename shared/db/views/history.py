"""History: the results that were written and the events that were recorded."""

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from shared.db.tables import Event, Job, Result, Study, StudyRevision
from shared.db.views.view import View
from shared.states import ResultState


class ResultSummary(View):
    """One DICOM object that a job wrote."""

    id: int
    job_id: str
    study_id: int
    study_instance_uid: str
    model: str
    role: str = Field(description="what the object is", examples=["seg", "sr"])
    series_description: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    source_sop_instance_uid: str
    picture_series_instance_uid: str | None = Field(
        description="series of the plain picture of the same findings; null without one"
    )
    state: ResultState = Field(description="verified: the PACS was seen to hold it")
    already_stored: bool = Field(description="an earlier attempt had stored it")
    verified_at: datetime | None
    superseded_at: datetime | None


class EventSummary(View):
    """One thing that happened."""

    id: int
    at: datetime
    name: str = Field(examples=["StudyReceived", "JobClaimed"])
    study_id: int | None
    job_id: str | None
    details: dict[str, Any]


def list_results(
    session: Session,
    *,
    job_id: str | None = None,
    study_id: int | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[ResultSummary], int]:
    """Return results, newest first, and how many there are in all."""
    query = (
        select(
            *(getattr(Result, name) for name in _RESULT_COLUMNS),
            Job.model,
            StudyRevision.study_id,
            Study.study_instance_uid,
            _picture_series.label("picture_series_instance_uid"),
        )
        .join(Job, Job.id == Result.job_id)
        .join(StudyRevision, StudyRevision.id == Job.revision_id)
        .join(Study, Study.id == StudyRevision.study_id)
    )
    if job_id is not None:
        query = query.where(Result.job_id == job_id)
    if study_id is not None:
        query = query.where(StudyRevision.study_id == study_id)
    rows = session.execute(query.order_by(Result.id.desc()).limit(limit).offset(offset)).all()
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    return [ResultSummary.model_validate(row) for row in rows], total


def list_events(
    session: Session, *, study_id: int | None = None, job_id: str | None = None, limit: int = 200
) -> list[EventSummary]:
    """Return the latest events of a study (its jobs' included) or of a job, oldest first."""
    query = select(Event)
    if study_id is not None:
        jobs = (
            select(Job.id)
            .join(StudyRevision, StudyRevision.id == Job.revision_id)
            .where(StudyRevision.study_id == study_id)
        )
        query = query.where(or_(Event.study_id == study_id, Event.job_id.in_(jobs)))
    if job_id is not None:
        query = query.where(Event.job_id == job_id)
    rows = session.scalars(query.order_by(Event.id.desc()).limit(limit)).all()
    return [EventSummary.model_validate(row) for row in reversed(rows)]


_Picture = aliased(Result)

_picture_series = (
    select(func.min(_Picture.series_instance_uid))
    .where(
        _Picture.job_id == Result.job_id,
        _Picture.source_sop_instance_uid == Result.source_sop_instance_uid,
        _Picture.role == "sc",
    )
    .scalar_subquery()
)

_RESULT_COLUMNS = tuple(
    name
    for name in ResultSummary.model_fields
    if name not in {"model", "study_id", "study_instance_uid", "picture_series_instance_uid"}
)
