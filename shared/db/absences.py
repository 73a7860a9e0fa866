"""Absences: what of a settled revision did not run, and whether the PACS was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from shared.db.absence_tables import AbsenceReport
from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.queue_control import paused_queues
from shared.db.studies import instances_of
from shared.db.tables import Instance, Job, RoutingDecision, StudyRevision
from shared.dicom.manifest import InstanceManifest
from shared.messages import WRITER_QUEUE
from shared.states import FINAL, JobState

HORIZON = timedelta(days=1)
"""Studies settled longer ago are left alone: switching the reports on does not write history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """One thing that did not run: on which series, by which model (none was asked: ``""``), why.

    ``spool_key`` is the file of one image of the series.
    """

    series_instance_uid: str
    spool_key: str
    model: str
    failed: bool
    reason: str


def due_revisions(session: Session, wait_seconds: float, limit: int = 50) -> Sequence[int]:
    """Return revisions that were settled ``wait_seconds`` ago and not looked at since.

    Settled: routed, and every job ended. None while the writer's queue is paused.
    """
    if WRITER_QUEUE in paused_queues(session):
        return []
    now = clock(session)
    settled_by = now - timedelta(seconds=wait_seconds)
    of_revision = (Job.revision_id == StudyRevision.id, Job.superseded_at.is_(None))
    ended_after = Job.finished_at
    return session.scalars(
        select(StudyRevision.id)
        .outerjoin(AbsenceReport, AbsenceReport.revision_id == StudyRevision.id)
        .where(
            StudyRevision.superseded_at.is_(None),
            StudyRevision.routed_at <= settled_by,
            ~exists().where(*of_revision, Job.state.not_in(tuple(FINAL))),
            ~exists().where(*of_revision, ended_after > settled_by),
            or_(
                StudyRevision.routed_at > now - HORIZON,
                exists().where(*of_revision, ended_after > now - HORIZON),
            ),
            or_(
                AbsenceReport.revision_id.is_(None),
                exists().where(*of_revision, ended_after > AbsenceReport.considered_at),
            ),
        )
        .order_by(StudyRevision.id)
        .limit(limit)
    ).all()


def absences_of(session: Session, revision_id: int) -> list[Absence]:
    """Return what did not run on a revision, in an order that is always the same.

    Jobs that ended without results; series that a model declines; and, when no model read
    anything, every series of images. Other objects (reports, our own results) are not missed.
    """
    revision = session.get_one(StudyRevision, revision_id)
    jobs = session.scalars(
        select(Job).where(Job.revision_id == revision_id, Job.superseded_at.is_(None))
    ).all()
    first: dict[str, tuple[str, str]] = {}  # series → (series, file) of its first image
    of_instance: dict[int, tuple[str, str]] = {}
    for one in instances_of(session, revision.instance_ids):
        image = _image(one)
        if image is not None:
            of_instance[one.id] = first.setdefault(image[0], image)
    found = []
    for decision in session.scalars(
        select(RoutingDecision).where(
            RoutingDecision.revision_id == revision_id, RoutingDecision.model.is_(None)
        )
    ):
        missed = decision.code == "not-eligible" or not jobs
        if missed and decision.series_instance_uid in first:
            found.append(_absence(first[decision.series_instance_uid], "", decision.reason))
    for job in jobs:
        image = next((of_instance[one] for one in job.instance_ids if one in of_instance), None)
        if image is not None and job.state != JobState.DONE:
            found.append(_absence(image, job.model, _why(job)))
    return sorted(found, key=lambda one: (one.series_instance_uid, one.model, one.reason))


def record_considered(
    session: Session,
    revision_id: int,
    considered_at: datetime,
    *,
    sop_instance_uid: str | None = None,
    code: str = "",
    reason: str = "",
) -> None:
    """Record what came of looking at a revision; told in the PACS: an event as well."""
    session.merge(
        AbsenceReport(
            revision_id=revision_id,
            considered_at=considered_at,
            sop_instance_uid=sop_instance_uid,
            code=code,
            reason=reason,
        )
    )
    if sop_instance_uid is not None:
        study_id = session.get_one(StudyRevision, revision_id).study_id
        record_event(
            session, "AbsenceReported", study_id=study_id, sop_instance_uid=sop_instance_uid
        )


def _image(instance: Instance) -> tuple[str, str] | None:
    manifest = InstanceManifest.model_validate(instance.manifest)
    if manifest.rows == 0 or instance.spool_key is None:
        return None
    return manifest.series_instance_uid, instance.spool_key


def _absence(image: tuple[str, str], model: str, reason: str) -> Absence:
    return Absence(
        series_instance_uid=image[0],
        spool_key=image[1],
        model=model,
        failed=model != "",
        reason=reason,
    )


def _why(job: Job) -> str:
    if job.state == JobState.CANCELLED:
        return "cancelled by an operator"
    if job.state == JobState.PARKED:  # its reason names a process, which tells a reader nothing
        return "given up: the program ended each time it was tried"
    return job.reason
