"""Studies: when one is complete, and what exactly was frozen then."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.ingest import ASSOCIATION_SILENCE
from shared.db.lots import in_lots
from shared.db.operations import SUPERSEDED, cancel_job
from shared.db.tables import Association, Instance, Job, Result, Study, StudyRevision
from shared.dicom.manifest import InstanceManifest, StudyManifest, study_manifest
from shared.states import FINAL, JobState


def freeze_complete_studies(
    session: Session, *, quiet_seconds: float, max_age_seconds: float
) -> list[StudyRevision]:
    """Freeze a new revision of every study that is complete now.

    Complete: instances arrived since the last revision, none for ``quiet_seconds``, and no
    association that brought some is still open; or the first unfrozen wait has lasted
    ``max_age_seconds``. The reason is recorded with the revision.
    """
    now = clock(session)
    frozen = []
    # Locked: an instance that arrives meanwhile waits, and makes the study dirty again.
    dirty = select(Study).where(Study.dirty).order_by(Study.id).with_for_update()
    for study in session.scalars(dirty.execution_options(populate_existing=True)).all():
        reason = _completeness(session, study, now, quiet_seconds, max_age_seconds)
        if reason is not None:
            frozen.append(_freeze(session, study, reason))
    return frozen


def instances_of(session: Session, ids: Sequence[int]) -> list[Instance]:
    """Return the instances with these ids, in the order of the ids."""
    by_id = {
        row.id: row
        for lot in in_lots(ids)
        for row in session.scalars(select(Instance).where(Instance.id.in_(lot)))
    }
    return [by_id[one] for one in ids]


def manifest_of(session: Session, revision: StudyRevision) -> StudyManifest:
    """Return the manifest of a frozen revision."""
    rows = instances_of(session, revision.instance_ids)
    study = session.get_one(Study, revision.study_id)
    return study_manifest(
        study.study_instance_uid,
        [InstanceManifest.model_validate(row.manifest) for row in rows],
        frozenset(row.calling_ae_title for row in rows),
    )


def digest_of(instances: Sequence[Instance]) -> str:
    """Return the digest of a set of instances: identity and bytes, in no particular order."""
    lines = sorted(f"{one.sop_instance_uid} {one.sha256}" for one in instances)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def supersede_earlier(session: Session, revision: StudyRevision) -> None:
    """Mark earlier revisions, and the jobs and results that stayed with them, superseded.

    Call after routing: jobs whose input did not change have moved to ``revision`` by then.
    """
    now = clock(session)
    earlier = session.scalars(
        select(StudyRevision).where(
            StudyRevision.study_id == revision.study_id, StudyRevision.number < revision.number
        )
    ).all()
    for old in earlier:
        old.superseded_at = old.superseded_at or now
        for job in session.scalars(
            select(Job)
            .where(Job.revision_id == old.id, Job.superseded_at.is_(None))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all():
            _supersede(session, job, revision, now)


def _supersede(session: Session, job: Job, by: StudyRevision, now: datetime) -> None:
    if JobState(job.state) not in FINAL:
        reason = f"revision {by.number} of the study arrived first"
        cancel_job(session, job.id, code=SUPERSEDED, reason=reason)
    job.superseded_at = now
    session.execute(update(Result).where(Result.job_id == job.id).values(superseded_at=now))
    record_event(session, "JobSuperseded", study_id=by.study_id, job_id=job.id, by=by.number)


def _completeness(
    session: Session, study: Study, now: datetime, quiet_seconds: float, max_age_seconds: float
) -> str | None:
    started = _first_unfrozen(session, study)
    if now - started >= timedelta(seconds=max_age_seconds):
        return f"waited the longest allowed time, {max_age_seconds:g} s"
    if now - study.last_instance_at < timedelta(seconds=quiet_seconds):
        return None
    still_open = session.scalar(
        select(
            exists().where(
                Association.closed_at.is_(None),
                Association.seen_at > now - ASSOCIATION_SILENCE,
                Association.id.in_(
                    select(Instance.association_id).where(Instance.study_id == study.id)
                ),
            )
        )
    )
    if still_open:
        return None
    return f"quiet for {quiet_seconds:g} s and no association open"


def _first_unfrozen(session: Session, study: Study) -> datetime:
    last = session.scalars(
        select(StudyRevision)
        .where(StudyRevision.study_id == study.id)
        .order_by(StudyRevision.number.desc())
    ).first()
    query = (
        select(Instance.received_at)
        .where(Instance.study_id == study.id, Instance.conflict.is_(False))
        .order_by(Instance.received_at)
    )
    if last is not None and last.instance_ids:
        # Ids rise with the order of arrival: they are given under the lock of the study's row.
        query = query.where(Instance.id > max(last.instance_ids))
    first = session.scalars(query.limit(1)).first()
    return first if first is not None else study.last_instance_at


def _freeze(session: Session, study: Study, completeness: str) -> StudyRevision:
    now = clock(session)
    instances = session.scalars(
        select(Instance)
        .where(
            Instance.study_id == study.id,
            Instance.conflict.is_(False),
            Instance.own_result.is_(False),
        )
        .order_by(Instance.id)
    ).all()
    numbers = session.scalars(
        select(StudyRevision.number).where(StudyRevision.study_id == study.id)
    ).all()
    revision = StudyRevision(
        study_id=study.id,
        number=max(numbers, default=0) + 1,
        digest=digest_of(instances),
        instance_ids=[one.id for one in instances],
        completeness=completeness,
        frozen_at=now,
    )
    session.add(revision)
    study.dirty = False
    session.flush()
    record_event(
        session,
        "StudyReceived",
        study_id=study.id,
        revision=revision.number,
        instances=len(instances),
        completeness=completeness,
    )
    return revision
