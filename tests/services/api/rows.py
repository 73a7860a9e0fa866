"""Rows for tests of the API: studies, jobs and results, made as the services make them."""

from sqlalchemy.orm import Session

from shared.db.claims import Claim, claim
from shared.db.engine import clock
from shared.db.ingest import record_instance
from shared.db.jobs import RetryPolicy, fail_stage, finish_stage, job_key, open_job
from shared.db.results import record_result, verify_result
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Job, Result, RoutingDecision, Study, StudyRevision
from shared.errors import CutisError
from shared.states import ResultState, Stage
from tests.shared.db.rows import SENDER, manifest, spooled

POLICY = RetryPolicy(max_attempts=3, backoff_seconds=3600)
SERIES = "1.2.826.0.1.3680043.10.511.3.7"


def received(session: Session, study_uid: str, *, modality: str = "OCT", images: int = 1) -> None:
    for number in range(images):
        one = manifest(f"{study_uid}.{number}", study=study_uid).model_copy(
            update={"modality": modality, "series_instance_uid": SERIES}
        )
        file = spooled(f"{study_uid} {number}")
        record_instance(session, one, file, sender=SENDER, association_id=None)


def frozen(session: Session, study_uid: str, *, modality: str = "OCT") -> StudyRevision:
    """Receive and freeze a study; every other study that still receives is frozen as well."""
    received(session, study_uid, modality=modality)
    made = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
    for one in made:
        if session.get_one(Study, one.study_id).study_instance_uid == study_uid:
            return one
    raise AssertionError(study_uid)


def routed(
    session: Session, revision: StudyRevision, *models: str, reason: str = "an LC-OCT section"
) -> list[Job]:
    """Route a revision to ``models``; to none, with ``reason``, when there are none."""
    for model in models or (None,):
        session.add(
            RoutingDecision(
                revision_id=revision.id,
                series_instance_uid=SERIES,
                model=model,
                code="accepted" if model else "no-model",
                reason=reason,
            )
        )
    revision.routed_at = clock(session)
    return [_job(session, revision, model) for model in models]


def claimed(session: Session, job_id: str, stage: Stage = Stage.MODEL) -> Claim:
    held = claim(session, job_id, stage, owner="worker@host:7", lease_seconds=60)
    assert held is not None
    return held


def failed(session: Session, job_id: str, error: CutisError) -> None:
    fail_stage(session, claimed(session, job_id), error, POLICY, {"read": 0.25})


def inferred(session: Session, job_id: str) -> None:
    held = claimed(session, job_id)
    assert finish_stage(
        session, held, stage_seconds={"read": 0.25, "predict": 3.5}, findings_key=f"jobs/{job_id}/1"
    )


def done(
    session: Session,
    job_id: str,
    *,
    description: str = "Layers (research use only)",
    roles: tuple[str, ...] = ("seg", "sr"),
) -> None:
    inferred(session, job_id)
    held = claimed(session, job_id, Stage.WRITE)
    for number, role in enumerate(roles, 1):
        uid = f"2.25.{int(job_id[:8], 16)}.{number}"
        record_result(
            session,
            Result(
                job_id=job_id,
                role=role,
                sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
                sop_instance_uid=uid,
                series_instance_uid=f"{uid}.1",
                series_description=description,
                source_sop_instance_uid="1.2.3",
                sha256="0" * 64,
                spool_key=f"jobs/{job_id}/{role}.dcm",
                state=ResultState.BUILT,
            ),
        )
        session.flush()
        verify_result(session, job_id, uid, already_stored=False)
    assert finish_stage(session, held, stage_seconds={"build": 0.5, "store": 0.125})


def _job(session: Session, revision: StudyRevision, model: str) -> Job:
    study_uid = session.get_one(Study, revision.study_id).study_instance_uid
    return open_job(
        session,
        revision,
        key=job_key(study_uid, revision.digest, model, "digest"),
        model=model,
        model_version="1.0.0",
        weights_digest="4f2a9c" * 8,
        parameters={"threshold": "0.5"},
        instance_ids=list(revision.instance_ids),
    )
