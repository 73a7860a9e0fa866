"""Rows for tests: an instance received, a job opened."""

import hashlib
from typing import Any

from sqlalchemy.orm import Session

from shared.db.ingest import Recorded, Sender, record_instance
from shared.db.jobs import job_key, open_job
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Job, Result, StudyRevision
from shared.dicom.manifest import InstanceManifest
from shared.spool import SpooledFile
from shared.states import ResultState

SENDER = Sender(calling_ae_title="ORTHANC", called_ae_title="CUTIS", peer_address="127.0.0.1")


def manifest(sop: str = "1.2.3", *, study: str = "1.2", manufacturer: str = "") -> InstanceManifest:
    return InstanceManifest(
        sop_instance_uid=sop,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        series_instance_uid="1.2.9",
        study_instance_uid=study,
        manufacturer=manufacturer,
    )


def spooled(content: str = "bytes") -> SpooledFile:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return SpooledFile(key=f"instances/{sha256}.dcm", sha256=sha256, size=len(content))


def receive(session: Session, sop: str = "1.2.3", content: str = "bytes", **more: str) -> Recorded:
    return record_instance(
        session, manifest(sop, **more), spooled(content), sender=SENDER, association_id=None
    )


def frozen_revision(session: Session) -> StudyRevision:
    receive(session)
    (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
    return revision


WHAT: dict[str, Any] = {
    "model": "layers",
    "model_version": "1",
    "weights_digest": "digest",
    "parameters": {},
}


def built_result(job: Job) -> Result:
    return Result(
        job_id=job.id,
        role="seg",
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3.9",
        series_instance_uid="1.2.9",
        series_description="",
        source_sop_instance_uid="1.2.3",
        sha256="digest",
        spool_key=None,
        state=ResultState.BUILT,
    )


def queued_job(session: Session, model: str = "layers") -> Job:
    revision = frozen_revision(session)
    return open_job(
        session,
        revision,
        key=job_key("1.2", revision.digest, model, "digest"),
        instance_ids=list(revision.instance_ids),
        **{**WHAT, "model": model},
    )
