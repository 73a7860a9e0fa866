"""Study states: where a study is, derived from its revisions and jobs, never stored."""

from enum import StrEnum

from sqlalchemy import ColumnElement, case, exists, literal, select

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


def _has_job(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(
        select(literal(1))
        .select_from(Job)
        .join(StudyRevision, StudyRevision.id == Job.revision_id)
        .where(StudyRevision.study_id == Study.id, Job.superseded_at.is_(None), *conditions)
        .correlate(Study)
    )


_UNROUTED = exists().where(
    StudyRevision.study_id == Study.id,
    StudyRevision.routed_at.is_(None),
    StudyRevision.superseded_at.is_(None),
)

study_state: ColumnElement[str] = case(
    (Study.dirty, literal(StudyState.RECEIVING.value)),
    (_UNROUTED, literal(StudyState.ROUTING.value)),
    (
        _has_job(Job.state.in_((JobState.FAILED, JobState.PARKED))),
        literal(StudyState.ATTENTION.value),
    ),
    (_has_job(Job.state.not_in(tuple(FINAL))), literal(StudyState.PROCESSING.value)),
    (_has_job(Job.state == JobState.DONE), literal(StudyState.DONE.value)),
    (_has_job(), literal(StudyState.CANCELLED.value)),
    else_=literal(StudyState.SKIPPED.value),
)
"""The state of a study as SQL, so that it can be filtered and counted there."""
