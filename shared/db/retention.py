"""Retention: which files of the spool nobody needs any more. Rows stay, their spool keys go.

A job needs its files until it is done, or until a later revision superseded it: waiting, running,
failed, parked and cancelled jobs can still be worked on or tried again.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.jobs import awaited_instances
from shared.db.lots import in_lots
from shared.db.tables import (
    Instance,
    Job,
    OutboxMessage,
    QuarantinedInstance,
    Result,
    Study,
    StudyRevision,
)
from shared.states import FINAL, JobState, QuarantineState


def release_instances(session: Session, age: timedelta, limit: int) -> list[str]:
    """Give up the received files of studies that were settled ``age`` ago; return their keys."""
    removable = _studies_settled_before(clock(session) - age)
    locked = session.scalars(
        select(Study.id)
        .where(*removable)
        .order_by(Study.last_instance_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    # Looked at once more under the lock: a revision may have been frozen a moment ago.
    studies = session.scalars(select(Study.id).where(Study.id.in_(locked), *removable)).all()
    keys = []
    for study_id in studies:
        of_study = (Instance.study_id == study_id, Instance.spool_key.is_not(None))
        found = [one for one in session.scalars(select(Instance.spool_key).where(*of_study)) if one]
        session.execute(update(Instance).where(*of_study).values(spool_key=None))
        record_event(session, "SourcesRemoved", study_id=study_id, instances=len(found))
        keys += found
    return keys


def release_findings(session: Session, age: timedelta, limit: int) -> list[str]:
    """Give up the findings of jobs that ended ``age`` ago; return the keys of their folders."""
    due = (Job.findings_key.is_not(None), *_ended_before(clock(session) - age))
    # Locked, so that a retry of a superseded job comes before or after, never in between.
    found = select(Job.id, Job.findings_key).where(*due).order_by(Job.finished_at).limit(limit)
    rows = session.execute(found.with_for_update(skip_locked=True)).all()
    ids = [row.id for row in rows]
    session.execute(update(Job).where(Job.id.in_(ids)).values(findings_key=None))
    return [row.findings_key for row in rows if row.findings_key is not None]


def release_results(session: Session, age: timedelta, limit: int) -> list[str]:
    """Give up our copies of results that the PACS was seen to hold; return their keys."""
    rows = session.execute(
        select(Result.id, Result.spool_key)
        .join(Job, Job.id == Result.job_id)
        .where(Result.spool_key.is_not(None), *_ended_before(clock(session) - age))
        .order_by(Result.id)
        .limit(limit)
    ).all()
    ids = [row.id for row in rows]
    session.execute(update(Result).where(Result.id.in_(ids)).values(spool_key=None))
    return [row.spool_key for row in rows if row.spool_key is not None]


def release_quarantine(session: Session, age: timedelta, limit: int) -> list[str]:
    """Give up quarantined bytes that an operator discarded; return their keys.

    Held ones stay for ever, released ones until the listener has taken them in.
    """
    rows = session.execute(
        select(QuarantinedInstance.id, QuarantinedInstance.spool_key)
        .where(
            QuarantinedInstance.state == QuarantineState.DISCARDED,
            QuarantinedInstance.spool_key.is_not(None),
            QuarantinedInstance.received_at < clock(session) - age,
        )
        .limit(limit)
        # Locked: the same bytes may arrive in this moment, and are held again then.
        .with_for_update(skip_locked=True)
    ).all()
    ids = [row.id for row in rows]
    session.execute(
        update(QuarantinedInstance).where(QuarantinedInstance.id.in_(ids)).values(spool_key=None)
    )
    return [row.spool_key for row in rows if row.spool_key is not None]


def release_messages(session: Session, age: timedelta, limit: int) -> int:
    """Remove messages that were sent ``age`` ago for jobs that ended; return how many."""
    ids = session.scalars(
        select(OutboxMessage.id)
        .join(Job, Job.id == OutboxMessage.job_id)
        .where(OutboxMessage.sent_at < clock(session) - age, Job.state.in_(tuple(FINAL)))
        .order_by(OutboxMessage.id)
        .limit(limit)
    ).all()
    session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(ids)))
    return len(ids)


def forget_lost_sources(session: Session, is_there: Callable[[str], bool]) -> int:
    """Give up spool keys of files that waiting jobs need and that are not there; return how many.

    The reconciler then brings them again, as it does what retention removed.
    """
    lost = 0
    for lot in in_lots(awaited_instances(session)):
        query = select(Instance).where(Instance.id.in_(lot), Instance.spool_key.is_not(None))
        for row in session.scalars(query.with_for_update()):
            if not is_there(row.spool_key or ""):
                row.spool_key = None
                lost += 1
                uid = row.sop_instance_uid
                record_event(session, "SourceLost", study_id=row.study_id, sop_instance_uid=uid)
    return lost


def holds_files(session: Session) -> bool:
    """Say whether any received image should be on the spool."""
    return session.scalar(select(exists().where(Instance.spool_key.is_not(None)))) or False


def needed_files(session: Session, keys: Collection[str]) -> set[str]:
    """Return which of these files in ``instances/`` and ``quarantine/`` have a row."""
    return {
        key
        for table in (Instance, QuarantinedInstance)
        for key in session.scalars(select(table.spool_key).where(table.spool_key.in_(keys)))
        if key is not None
    }


def known_files(session: Session, keys: Collection[str]) -> set[str]:
    """Return which of these files are of an image or a job that has, or had, a row here."""
    digests = {key: key.rpartition("/")[2].removesuffix(".dcm") for key in keys}
    jobs = {key: key.split("/")[1] for key in keys if key.startswith("jobs/")}
    found = set(session.scalars(select(Job.id).where(Job.id.in_(set(jobs.values())))))
    for table in (Instance, QuarantinedInstance):
        found.update(
            session.scalars(select(table.sha256).where(table.sha256.in_(set(digests.values()))))
        )
    return {key for key in keys if digests[key] in found or jobs.get(key) in found}


def needed_job_files(session: Session, keys: Collection[str]) -> set[str]:
    """Return which of these files ``jobs/<job>/<attempt or results>/…`` somebody still needs."""
    parts = {key: key.split("/") for key in keys}
    names = {part[1] for part in parts.values()}
    jobs = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(names)))}
    results = set(session.scalars(select(Result.spool_key).where(Result.spool_key.in_(keys))))

    def is_needed(key: str) -> bool:
        job = jobs.get(parts[key][1])
        if job is None:
            return False
        findings = job.findings_key is not None and key.startswith(f"{job.findings_key}/")
        return key in results or findings or JobState(job.state) not in FINAL

    return {key for key in keys if is_needed(key)}


def _studies_settled_before(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    of_study = StudyRevision.study_id == Study.id
    still_needed = or_(
        and_(Job.state != JobState.DONE, Job.superseded_at.is_(None)),
        Job.state.not_in(tuple(FINAL)),
        Job.finished_at >= moment,
    )
    return (
        Study.dirty.is_(False),
        Study.last_instance_at < moment,
        exists().where(Instance.study_id == Study.id, Instance.spool_key.is_not(None)),
        ~exists().where(of_study, StudyRevision.routed_at.is_(None)),
        ~exists().where(of_study, Job.revision_id == StudyRevision.id, still_needed),
    )


def _ended_before(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    superseded = and_(Job.superseded_at.is_not(None), Job.state.in_(tuple(FINAL)))
    return (Job.finished_at < moment, or_(Job.state == JobState.DONE, superseded))
