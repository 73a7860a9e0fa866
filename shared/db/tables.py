"""Tables: what Cutis remembers. No column holds patient identity.

Free text that the network sends (descriptions) stays inside ``instance.manifest``.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.declarative import Base


def _kept(name: str, column: str) -> Index:
    """Return an index of the rows whose file the spool still holds: most outlive theirs."""
    held = text("spool_key IS NOT NULL")
    return Index(name, column, sqlite_where=held, postgresql_where=held)


class Association(Base):
    """One DICOM association that was accepted. Open while ``closed_at`` is null."""

    __tablename__ = "association"

    id: Mapped[int] = mapped_column(primary_key=True)
    listener: Mapped[str]  # which listener process holds it
    calling_ae_title: Mapped[str]
    called_ae_title: Mapped[str]
    peer_address: Mapped[str]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # heartbeat: a dead listener's rows do not stay open for ever
    closed_at: Mapped[datetime | None]
    instances: Mapped[int] = mapped_column(default=0)


class RefusedSender(Base):
    """Who was refused an association and why; repeated refusals raise ``count``."""

    __tablename__ = "refused_sender"
    __table_args__ = (
        UniqueConstraint(
            "peer_address",
            "calling_ae_title",
            "called_ae_title",
            "reason",
            name="uq_refused_sender_who_and_why",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    peer_address: Mapped[str]
    calling_ae_title: Mapped[str]
    called_ae_title: Mapped[str]
    reason: Mapped[str]
    count: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class QuarantinedInstance(Base):
    """Bytes that could not be accepted, kept with the reason until an operator decides."""

    __tablename__ = "quarantined_instance"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    spool_key: Mapped[str | None]  # null once retention removed what an operator had decided on
    size: Mapped[int]
    code: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    calling_ae_title: Mapped[str]
    peer_address: Mapped[str]
    state: Mapped[str]
    received_at: Mapped[datetime]


class RefusedInstance(Base):
    """An instance that could not even be set aside; repeated refusals raise ``count``."""

    __tablename__ = "refused_instance"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str]
    code: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)  # bytes, as many as were seen of it
    calling_ae_title: Mapped[str]
    peer_address: Mapped[str]
    count: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class Study(Base):
    """A study we received at least one foreign instance of."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(unique=True)
    first_instance_at: Mapped[datetime]
    last_instance_at: Mapped[datetime] = mapped_column(index=True)
    dirty: Mapped[bool]  # instances arrived since the last revision was frozen


class Instance(Base):
    """One received instance; the same SOP Instance UID with other bytes is a conflict."""

    __tablename__ = "instance"
    __table_args__ = (
        UniqueConstraint("sop_instance_uid", "sha256"),
        _kept("ix_instance_kept_study", "study_id"),
        _kept("ix_instance_kept_file", "spool_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)
    association_id: Mapped[int | None] = mapped_column(ForeignKey("association.id"), index=True)
    sop_instance_uid: Mapped[str]
    sha256: Mapped[str]
    # Null: our own result that came back, or removed by retention. A file that came again after
    # that may hold the data set in another encoding: ``sha256`` is of the bytes that came first.
    spool_key: Mapped[str | None]
    size: Mapped[int]
    manifest: Mapped[dict[str, Any]]
    calling_ae_title: Mapped[str]
    own_result: Mapped[bool] = mapped_column(default=False)
    conflict: Mapped[bool] = mapped_column(default=False)
    received_at: Mapped[datetime]


class StudyRevision(Base):
    """A study frozen at one moment: the digest of its instances, and why it was complete."""

    __tablename__ = "study_revision"
    __table_args__ = (UniqueConstraint("study_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    number: Mapped[int]
    digest: Mapped[str]
    instance_ids: Mapped[list[Any]]
    completeness: Mapped[str]
    frozen_at: Mapped[datetime]
    routed_at: Mapped[datetime | None] = mapped_column(index=True)
    superseded_at: Mapped[datetime | None]


class RoutingDecision(Base):
    """What routing said about one series of a revision: a model, or why none."""

    __tablename__ = "routing_decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("study_revision.id"), index=True)
    series_instance_uid: Mapped[str]
    model: Mapped[str | None]
    code: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)


class Job(Base):
    """One model on one study revision. ``key`` makes the same work one row."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("study_revision.id"), index=True)
    model: Mapped[str] = mapped_column(index=True)
    model_version: Mapped[str]
    weights_digest: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    scales: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    instance_ids: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    token: Mapped[int] = mapped_column(default=0)  # fencing: rises with every claim
    attempt: Mapped[int] = mapped_column(default=0)  # attempts at the current stage
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # of those, transient
    crashes: Mapped[int] = mapped_column(default=0, server_default="0")  # of those, deaths
    owner: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[datetime | None] = mapped_column(index=True)
    not_before: Mapped[datetime]
    findings_key: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]


class Attempt(Base):
    """One claim of a job at one stage, and how it ended."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("job_id", "token"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), index=True)
    token: Mapped[int]
    stage: Mapped[str]
    owner: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str]
    code: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    stage_seconds: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Result(Base):
    """One DICOM object a job wrote."""

    __tablename__ = "result"
    __table_args__ = (
        UniqueConstraint("job_id", "sop_instance_uid"),
        _kept("ix_result_kept_file", "spool_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), index=True)
    role: Mapped[str]
    sop_class_uid: Mapped[str]
    sop_instance_uid: Mapped[str] = mapped_column(index=True)
    series_instance_uid: Mapped[str]
    series_description: Mapped[str]
    source_sop_instance_uid: Mapped[str]
    sha256: Mapped[str]
    spool_key: Mapped[str | None]  # null once retention removed it: the PACS has it
    state: Mapped[str]
    already_stored: Mapped[bool] = mapped_column(default=False)
    verified_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]


class OutboxMessage(Base):
    """A message that a committed transaction owes; the relay publishes it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_waiting", "sent_at", "available_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str]
    queue: Mapped[str]
    payload: Mapped[dict[str, Any]]
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), index=True)
    created_at: Mapped[datetime]
    available_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Event(Base):
    """Append-only: what happened to what, when. The audit trail is read from here."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    name: Mapped[str]
    study_id: Mapped[int | None] = mapped_column(ForeignKey("study.id"), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"), index=True)
    details: Mapped[dict[str, Any]]


class AuditPosition(Base):
    """How far the events were handed on to the audit trail."""

    __tablename__ = "audit_position"

    name: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[int]


class Process(Base):
    """A running process and when it was last seen; workers list their actors in ``details``."""

    __tablename__ = "process"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    details: Mapped[dict[str, Any]]
