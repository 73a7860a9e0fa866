"""Study states: where a study is, derived from its revisions and jobs, never stored."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import Subquery, case, func, select

from shared.db.tables import Job, Study, StudyRevision
from shared.states import FINAL, JobState


class StudyState(StrEnum):
    """Where a study is; the first that holds, in this order."""

    RECEIVING = "receiving"  # images arrived since the last revision
    ROUTING = "routing"  # frozen, waits for the dispatcher
    ATTENTION = "attention"  # a job failed or was parked
    PROCESSING = "processing"  # a job has not ended
    DONE = "done"  # every job ended, at least one with results
    CANCELLED = "cancelled"  # every job was cancelled
    SKIPPED = "skipped"  # no model reads any of its series


def study_states(study_ids: Collection[int] | None = None) -> Subquery:
    """Return (``study_id``, ``state``) of these studies, or of all, as a subquery.

    Jobs are counted in one pass and then joined: asking for each study anew whether it has such
    a job takes minutes on a year's studies (SQLite has no statistics to choose an index by).
    """
    job_counts, unrouted = _job_counts(study_ids), _unrouted()
    state = case(
        (Study.dirty, StudyState.RECEIVING.value),
        (unrouted.c.study_id.is_not(None), StudyState.ROUTING.value),
        (job_counts.c.stuck > 0, StudyState.ATTENTION.value),
        (job_counts.c.live > 0, StudyState.PROCESSING.value),
        (job_counts.c.done > 0, StudyState.DONE.value),
        (job_counts.c.total > 0, StudyState.CANCELLED.value),
        else_=StudyState.SKIPPED.value,
    )
    query = (
        select(Study.id.label("study_id"), state.label("state"))
        .outerjoin(unrouted, unrouted.c.study_id == Study.id)
        .outerjoin(job_counts, job_counts.c.study_id == Study.id)
    )
    return (query if study_ids is None else query.where(Study.id.in_(study_ids))).subquery()


def _job_counts(study_ids: Collection[int] | None) -> Subquery:
    query = (
        select(
            StudyRevision.study_id,
            func.count().label("total"),
            func.count().filter(Job.state.in_((JobState.FAILED, JobState.PARKED))).label("stuck"),
            func.count().filter(Job.state.not_in(tuple(FINAL))).label("live"),
            func.count().filter(Job.state == JobState.DONE).label("done"),
        )
        .join(Job, Job.revision_id == StudyRevision.id)
        .where(Job.superseded_at.is_(None))
        .group_by(StudyRevision.study_id)
    )
    if study_ids is not None:
        query = query.where(StudyRevision.study_id.in_(study_ids))
    return query.subquery()


def _unrouted() -> Subquery:
    return (
        select(StudyRevision.study_id)
        .where(StudyRevision.routed_at.is_(None), StudyRevision.superseded_at.is_(None))
        .distinct()
        .subquery()
    )
