"""Studies: where each one is, derived from its revisions and jobs, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.tables import Instance, RoutingDecision, Study, StudyRevision
from shared.db.views.history import EventSummary, ResultSummary, list_events, list_results
from shared.db.views.jobs import JobSummary, list_jobs
from shared.db.views.study_states import StudyState, study_states
from shared.db.views.view import View
from shared.states import FINAL, JobState


class StudySummary(View):
    """One study and the jobs of its current revision."""

    id: int
    study_instance_uid: str
    state: StudyState
    reason: str = Field(description="why it is in this state, for a person")
    modalities: tuple[str, ...]
    instances: int = Field(description="images received, conflicting ones included")
    revision: int | None = Field(description="the latest revision; null while the first arrives")
    completeness: str = Field(description="why the latest revision was held to be complete")
    first_instance_at: datetime
    last_instance_at: datetime
    jobs: tuple[JobSummary, ...]


class SeriesSummary(View):
    """One series of a study, without its free text."""

    series_instance_uid: str
    modality: str
    instances: int
    conflicts: int = Field(description="same SOP Instance UID, other bytes: kept, not used")


class DecisionSummary(View):
    """What routing said about one series of the latest revision."""

    series_instance_uid: str
    model: str | None = Field(description="the model that reads it; null when none does")
    code: str
    reason: str


class StudyDetail(StudySummary):
    """A study with its series, what became of each, and its history."""

    series: tuple[SeriesSummary, ...]
    decisions: tuple[DecisionSummary, ...]
    results: tuple[ResultSummary, ...]
    events: tuple[EventSummary, ...]


def list_studies(
    session: Session, *, state: StudyState | None = None, limit: int = 50, offset: int = 0
) -> tuple[list[StudySummary], int]:
    """Return studies, the latest image first, and how many there are in all."""
    query = select(Study)
    if state is not None:
        states = study_states()
        query = query.join(states, states.c.study_id == Study.id).where(states.c.state == state)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    newest_first = query.order_by(Study.last_instance_at.desc(), Study.id.desc())
    rows = session.scalars(newest_first.limit(limit).offset(offset)).all()
    return _summaries(session, rows), total


def find_study(session: Session, study_id: int) -> StudyDetail | None:
    """Return a study with its series, routing, results and events; ``None`` when unknown."""
    study = session.get(Study, study_id)
    if study is None:
        return None
    (summary,) = _summaries(session, [study])
    results, _ = list_results(session, study_id=study_id, limit=1000)
    latest = _latest_revisions(session, [study_id]).get(study_id)
    return StudyDetail(
        **dict(summary),
        series=tuple(_series(session, study_id)),
        decisions=() if latest is None else tuple(_decisions(session, latest.id)),
        results=tuple(results),
        events=tuple(list_events(session, study_id=study_id)),
    )


def count_studies(session: Session) -> dict[StudyState, int]:
    """Return how many studies are in each state."""
    states = study_states()
    rows = session.execute(select(states.c.state, func.count()).group_by(states.c.state)).all()
    return dict.fromkeys(StudyState, 0) | {StudyState(one): n for one, n in rows}


def _summaries(session: Session, studies: Sequence[Study]) -> list[StudySummary]:
    ids = [study.id for study in studies]
    among = study_states(ids)
    states = {one: StudyState(state) for one, state in session.execute(select(among))}
    revisions = _latest_revisions(session, ids)
    skipped = [one for one in revisions if states[one] is StudyState.SKIPPED]
    unread = _reasons_of_routing(session, [revisions[one].id for one in skipped])
    jobs: dict[int, list[JobSummary]] = {one: [] for one in ids}
    for job in list_jobs(session, study_ids=ids, include_superseded=False, limit=10_000)[0]:
        jobs[job.study_id].append(job)
    images = _images(session, ids)
    summaries = []
    for study in studies:
        state, revision = states[study.id], revisions.get(study.id)
        own = tuple(sorted(jobs[study.id], key=lambda job: job.model))
        modalities, instances = images.get(study.id, ((), 0))
        summaries.append(
            StudySummary(
                id=study.id,
                study_instance_uid=study.study_instance_uid,
                state=state,
                reason=_reason(state, revision, own, unread),
                modalities=modalities,
                instances=instances,
                revision=None if revision is None else revision.number,
                completeness="" if revision is None else revision.completeness,
                first_instance_at=study.first_instance_at,
                last_instance_at=study.last_instance_at,
                jobs=own,
            )
        )
    return summaries


def _reason(
    state: StudyState,
    revision: StudyRevision | None,
    jobs: Sequence[JobSummary],
    unread: Mapping[int, str],
) -> str:
    if state is StudyState.RECEIVING:
        return "images are still arriving"
    if revision is None:
        return "no image of it can be used"
    if state is StudyState.SKIPPED:
        return unread.get(revision.id, "no model reads it")
    if state in {StudyState.ATTENTION, StudyState.CANCELLED}:
        ended = [job for job in jobs if job.state in FINAL and job.state is not JobState.DONE]
        return "; ".join(f"{job.model}: {job.reason or job.state}" for job in ended)
    if state is StudyState.DONE:
        told = ", ".join(job.model for job in jobs if job.state is JobState.DONE)
        others = (f"{one.model}: {one.reason or one.state}" for one in jobs if one.reason)
        return "; ".join([f"results are in the PACS: {told}", *others])
    waiting = [f"{job.model}: {job.reason}; tries again" for job in jobs if job.reason]
    return "; ".join(waiting) or f"complete: {revision.completeness}"


def _latest_revisions(session: Session, study_ids: Sequence[int]) -> dict[int, StudyRevision]:
    rows = session.scalars(
        select(StudyRevision)
        .where(StudyRevision.study_id.in_(study_ids))
        .order_by(StudyRevision.number)
    ).all()
    return {row.study_id: row for row in rows}


def _reasons_of_routing(session: Session, revision_ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(RoutingDecision.revision_id, RoutingDecision.reason)
        .where(RoutingDecision.revision_id.in_(revision_ids))
        .distinct()
        .order_by(RoutingDecision.reason)
    ).all()
    said: dict[int, list[str]] = {}
    for revision_id, reason in rows:
        said.setdefault(revision_id, []).append(reason)
    return {revision_id: "; ".join(reasons) for revision_id, reasons in said.items()}


def _images(session: Session, study_ids: Sequence[int]) -> dict[int, tuple[tuple[str, ...], int]]:
    modality = Instance.manifest["modality"].as_string()
    rows = session.execute(
        select(Instance.study_id, modality, func.count())
        .where(Instance.study_id.in_(study_ids))
        .group_by(Instance.study_id, modality)
        .order_by(modality)
    ).all()
    found: dict[int, tuple[tuple[str, ...], int]] = {}
    for study_id, name, count in rows:
        names, before = found.get(study_id, ((), 0))
        found[study_id] = ((*names, name) if name else names, before + count)
    return found


def _series(session: Session, study_id: int) -> list[SeriesSummary]:
    series_uid = Instance.manifest["series_instance_uid"].as_string()
    modality = Instance.manifest["modality"].as_string()
    rows = session.execute(
        select(
            series_uid.label("series_instance_uid"),
            func.min(modality).label("modality"),
            func.count().label("instances"),
            func.count().filter(Instance.conflict).label("conflicts"),
        )
        .where(Instance.study_id == study_id)
        .group_by(series_uid)
        .order_by(series_uid)
    ).all()
    return [SeriesSummary.model_validate(row) for row in rows]


def _decisions(session: Session, revision_id: int) -> list[DecisionSummary]:
    rows = session.scalars(
        select(RoutingDecision)
        .where(RoutingDecision.revision_id == revision_id)
        .order_by(RoutingDecision.id)
    ).all()
    return [DecisionSummary.model_validate(row) for row in rows]
