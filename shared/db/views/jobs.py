"""Jobs: each with its study, its attempts and why it is where it is."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import Field, computed_field
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.db.tables import Attempt, Job, Study, StudyRevision
from shared.db.views.history import ResultSummary, list_results
from shared.db.views.view import View
from shared.states import FINAL, REPLAYABLE, AttemptOutcome, JobState, Stage


class AttemptSummary(View):
    """One claim of a job at one stage."""

    token: int
    stage: Stage
    owner: str
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome
    code: str
    reason: str
    stage_seconds: dict[str, float] = Field(description="seconds spent in each step")


class JobSummary(View):
    """One model on one study revision."""

    id: str
    study_id: int
    study_instance_uid: str
    revision: int
    model: str
    model_version: str
    weights_digest: str
    state: JobState
    code: str = Field(description="short word a program can match on; empty when all is well")
    reason: str = Field(description="why the job is where it is, for a person")
    attempt: int = Field(
        description="attempts at the current stage, or at the last one once the job ended"
    )
    owner: str = Field(description="the process that works on it; empty when none does")
    created_at: datetime
    not_before: datetime = Field(description="when it may be claimed, after a backoff")
    lease_until: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    superseded_at: datetime | None = Field(description="later images made a newer revision")

    @computed_field(description="seconds from the first claim to the end")  # type: ignore[prop-decorator]
    @property
    def seconds(self) -> float | None:
        """Seconds from the first claim to the end; ``None`` until both are known."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @computed_field(description="whether an operator may retry it")  # type: ignore[prop-decorator]
    @property
    def can_retry(self) -> bool:
        """Whether an operator may retry it."""
        return self.state in REPLAYABLE and self.superseded_at is None

    @computed_field(description="whether an operator may cancel it")  # type: ignore[prop-decorator]
    @property
    def can_cancel(self) -> bool:
        """Whether an operator may cancel it."""
        return self.state not in FINAL


class DelaySummary(View):
    """Jobs on their way whose last attempt ended with one code."""

    code: str
    reason: str = Field(description="of one of them")
    jobs: int
    next_at: datetime = Field(description="when the first of them is tried again, or was")


class JobDetail(JobSummary):
    """A job with everything that happened to it."""

    parameters: dict[str, str]
    instances: int = Field(description="how many images it reads")
    attempts: tuple[AttemptSummary, ...]
    results: tuple[ResultSummary, ...]


def list_jobs(
    session: Session,
    *,
    states: Collection[JobState] = (),
    model: str | None = None,
    study_ids: Collection[int] | None = None,
    include_superseded: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[JobSummary], int]:
    """Return jobs, newest first, and how many there are in all."""
    query = _jobs()
    if states:
        query = query.where(Job.state.in_(tuple(states)))
    if model is not None:
        query = query.where(Job.model == model)
    if study_ids is not None:
        query = query.where(StudyRevision.study_id.in_(tuple(study_ids)))
    if not include_superseded:
        query = query.where(Job.superseded_at.is_(None))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    newest_first = query.order_by(Job.created_at.desc(), Job.id)
    rows = session.execute(newest_first.limit(limit).offset(offset)).all()
    return [JobSummary.model_validate(row) for row in rows], total


def find_job(session: Session, job_id: str) -> JobDetail | None:
    """Return a job with its attempts and results; ``None`` when there is none."""
    row = session.execute(_jobs().where(Job.id == job_id)).one_or_none()
    if row is None:
        return None
    job = session.get_one(Job, job_id)
    attempts = session.scalars(
        select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.token)
    ).all()
    results, _ = list_results(session, job_id=job_id, limit=1000)
    return JobDetail.model_validate(
        {
            **row._asdict(),
            "parameters": job.parameters,
            "instances": len(job.instance_ids),
            "attempts": [AttemptSummary.model_validate(one) for one in attempts],
            "results": results,
        }
    )


def list_delays(session: Session) -> list[DelaySummary]:
    """Return what keeps jobs that have not ended, by code; none when every attempt went well."""
    rows = session.execute(
        select(
            Job.code,
            func.max(Job.reason).label("reason"),
            func.count().label("jobs"),
            func.min(Job.not_before).label("next_at"),
        )
        .where(Job.state.not_in(tuple(FINAL)), Job.code != "")
        .group_by(Job.code)
        .order_by(Job.code)
    ).all()
    return [DelaySummary.model_validate(row) for row in rows]


def count_jobs(session: Session) -> dict[tuple[str, JobState], int]:
    """Return how many jobs there are of each model in each state; zeros are absent."""
    rows = session.execute(
        select(Job.model, Job.state, func.count()).group_by(Job.model, Job.state)
    )
    return {(model, JobState(state)): count for model, state, count in rows}


def count_attempts(session: Session) -> dict[tuple[str, Stage, AttemptOutcome], int]:
    """Return how many attempts each model had at each stage, by outcome; zeros are absent."""
    rows = session.execute(
        select(Job.model, Attempt.stage, Attempt.outcome, func.count())
        .join(Job, Job.id == Attempt.job_id)
        .group_by(Job.model, Attempt.stage, Attempt.outcome)
    )
    return {
        (model, Stage(stage), AttemptOutcome(outcome)): count
        for model, stage, outcome, count in rows
    }


def _jobs() -> Select[Any]:
    return (
        select(
            *(getattr(Job, name) for name in _JOB_COLUMNS),
            StudyRevision.number.label("revision"),
            StudyRevision.study_id,
            Study.study_instance_uid,
        )
        .join(StudyRevision, StudyRevision.id == Job.revision_id)
        .join(Study, Study.id == StudyRevision.study_id)
    )


_JOB_COLUMNS = tuple(
    name
    for name in JobSummary.model_fields
    if name not in {"revision", "study_id", "study_instance_uid"}
)
