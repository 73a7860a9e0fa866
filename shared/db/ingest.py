"""Ingest: what the listener records. Each function is one step of one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.engine import clock
from shared.db.events import record_event
from shared.db.tables import Association, Instance, QuarantinedInstance, Study
from shared.dicom.manifest import InstanceManifest
from shared.spool import SpooledFile
from shared.states import QuarantineState

ASSOCIATION_SILENCE = timedelta(seconds=60)
"""An open association whose listener has not been heard for this long counts as closed."""


class Recorded(StrEnum):
    """What became of an instance that was offered for recording."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    OWN_RESULT = "own-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent something, as far as DICOM lets us know."""

    calling_ae_title: str
    called_ae_title: str
    peer_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the spool keeps an instance, and the digest of its data set (empty: not known)."""

    spool_key: str
    content_sha256: str
    conflict: bool = False


def open_association(session: Session, listener: str, sender: Sender) -> int:
    """Record an accepted association and return its id."""
    now = clock(session)
    row = Association(
        listener=listener,
        calling_ae_title=sender.calling_ae_title,
        called_ae_title=sender.called_ae_title,
        peer_address=sender.peer_address,
        opened_at=now,
        seen_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


def touch_associations(session: Session, listener: str) -> None:
    """Say that this listener still lives, on behalf of all its open associations."""
    session.execute(
        update(Association)
        .where(Association.listener == listener, Association.closed_at.is_(None))
        .values(seen_at=clock(session))
    )


def close_association(session: Session, association_id: int) -> None:
    """Record the end of an association, however it ended."""
    session.execute(
        update(Association)
        .where(Association.id == association_id, Association.closed_at.is_(None))
        .values(closed_at=clock(session))
    )


def close_left_over_associations(session: Session, listener: str) -> None:
    """Close what an earlier run of this listener left open (call at start)."""
    session.execute(
        update(Association)
        .where(Association.listener == listener, Association.closed_at.is_(None))
        .values(closed_at=clock(session))
    )


def record_quarantine(
    session: Session, file: SpooledFile, *, code: str, reason: str, sender: Sender
) -> None:
    """Record bytes that were set aside; the same bytes again change nothing while they are held.

    Once an operator has decided on them, they are held once more: somebody sends them still.
    """
    known = session.scalars(
        select(QuarantinedInstance)
        .where(QuarantinedInstance.sha256 == file.sha256)
        .with_for_update()
    ).first()
    if known is not None:
        waits = known.spool_key is not None and known.state != QuarantineState.DISCARDED
        if waits:
            return
        known.state, known.spool_key = QuarantineState.HELD, file.key
        known.code, known.reason, known.received_at = code, reason, clock(session)
        known.calling_ae_title, known.peer_address = sender.calling_ae_title, sender.peer_address
    else:
        session.add(
            QuarantinedInstance(
                sha256=file.sha256,
                spool_key=file.key,
                size=file.size,
                code=code,
                reason=reason,
                calling_ae_title=sender.calling_ae_title,
                peer_address=sender.peer_address,
                state=QuarantineState.HELD,
                received_at=clock(session),
            )
        )
    record_event(
        session,
        "InstanceQuarantined",
        sha256=file.sha256,
        code=code,
        calling_ae_title=sender.calling_ae_title,
        peer_address=sender.peer_address,
    )


def spooled_instances(session: Session, sop_instance_uid: str) -> dict[str, Kept]:
    """Return what the spool keeps of an instance, by the digest of the bytes that came first."""
    rows = session.scalars(
        select(Instance).where(
            Instance.sop_instance_uid == sop_instance_uid, Instance.spool_key.is_not(None)
        )
    )
    return {
        one.sha256: Kept(
            spool_key=one.spool_key, content_sha256=_content_sha256(one), conflict=one.conflict
        )
        for one in rows
        if one.spool_key is not None
    }


def record_instance(
    session: Session,
    manifest: InstanceManifest,
    file: SpooledFile,
    *,
    sender: Sender,
    association_id: int | None,
) -> Recorded:
    """Record a durable instance; call only after its bytes are fsynced.

    Own results get a row (the books must balance) but wake nothing. A conflict (same SOP
    Instance UID, other content) is kept and visible; the first instance stays the one in use.
    """
    now = clock(session)
    own_result = manifest.is_own_result
    # The study's row is locked first: freezing waits for us, or we for it, and of two senders
    # of one SOP Instance UID the second sees the first.
    study = None if own_result else _locked_study(session, manifest.study_instance_uid)
    earlier = session.scalars(
        select(Instance).where(Instance.sop_instance_uid == manifest.sop_instance_uid)
    ).all()
    known = _same(earlier, manifest, file)
    if known is not None:
        _restore(session, known, study, file)
        return Recorded.CONFLICT if known.conflict else Recorded.DUPLICATE
    conflict = bool(earlier)
    session.add(
        Instance(
            study_id=None if study is None else study.id,
            association_id=association_id,
            sop_instance_uid=manifest.sop_instance_uid,
            sha256=file.sha256,
            spool_key=None if own_result else file.key,
            size=file.size,
            manifest=manifest.model_dump(mode="json"),
            calling_ae_title=sender.calling_ae_title,
            own_result=own_result,
            conflict=conflict,
            received_at=now,
        )
    )
    if association_id is not None:
        session.execute(
            update(Association)
            .where(Association.id == association_id)
            .values(instances=Association.instances + 1)
        )
    if own_result:
        return Recorded.OWN_RESULT
    if study is not None:
        study.last_instance_at = now
        study.dirty = study.dirty or not conflict
        if conflict:
            uid = manifest.sop_instance_uid
            record_event(session, "InstanceConflicted", study_id=study.id, sop_instance_uid=uid)
            return Recorded.CONFLICT
    return Recorded.NEW


def _same(
    earlier: Sequence[Instance], manifest: InstanceManifest, file: SpooledFile
) -> Instance | None:
    """Return the instance with these bytes, else one with this data set in another encoding."""
    for one in earlier:
        if one.sha256 == file.sha256:
            return one
    content = manifest.content_sha256
    return next((one for one in earlier if content and _content_sha256(one) == content), None)


def _content_sha256(instance: Instance) -> str:
    return str(instance.manifest.get("content_sha256", ""))


def _restore(session: Session, instance: Instance, study: Study | None, file: SpooledFile) -> None:
    """Use an instance again whose file retention had removed; ``study`` is its own, locked.

    Its digest stays that of the bytes that came first, whatever encoding the file has now: jobs
    are known by it.
    """
    if instance.spool_key is None and study is not None:
        instance.spool_key = file.key
        study.last_instance_at = clock(session)  # retention waits its full time again


def _locked_study(session: Session, study_instance_uid: str) -> Study:
    now = clock(session)
    study = session.scalars(
        select(Study)
        .where(Study.study_instance_uid == study_instance_uid)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if study is None:
        study = Study(
            study_instance_uid=study_instance_uid,
            first_instance_at=now,
            last_instance_at=now,
            dirty=False,
        )
        session.add(study)
        session.flush()
    return study
