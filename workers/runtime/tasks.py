"""Tasks: the Celery task that runs one model on one study revision."""

from pathlib import Path

from celery import Celery
from sqlalchemy.exc import IntegrityError

from shared.db.claims import relabel
from shared.db.engine import Database
from shared.db.jobs import job_key, scales_in_key
from shared.db.pacs import may_come_back
from shared.db.studies import digest_of, instances_of
from shared.db.tables import Instance, Job
from shared.dicom.manifest import InstanceManifest, study_manifest
from shared.errors import PermanentError, TransientError
from shared.failpoints import failpoint
from shared.messages import RUN_MODEL_TASK, RunModel
from shared.sources import source_paths
from shared.spool import Spool, sync_folder
from shared.stage import Attempt, StageRunner
from workers.catalog import models, weights_manifest
from workers.contract import ModelSpec
from workers.runtime.actors import ActorPool
from workers.runtime.request import InstanceFile, PredictRequest, SeriesFiles


class ModelStage:
    """The model stage of a job: from spooled instances to spooled findings."""

    def __init__(self, database: Database, spool: Spool, pool: ActorPool) -> None:
        self._database = database
        self._spool = spool
        self._pool = pool

    def work(self, attempt: Attempt) -> str:
        """Run the job's model; return the key of the folder with its findings."""
        with attempt.timed("prepare"):
            spec, series = self._inputs(attempt)
            key = self._spool.job_folder(attempt.claim.job_id, attempt.claim.token)
            request = PredictRequest(
                series=series, folder=str(self._spool.path(key)), as_values=spec.reads_values
            )
        with attempt.timed("model"):
            failpoint("worker.before-predict")
            answer = self._pool.predict(spec, request)
        failpoint("worker.after-predict")
        attempt.stage_seconds.update(answer.stage_seconds)
        answer.check()
        if attempt.lost.is_set():
            self._spool.remove(key)
            raise TransientError("the lease was lost while the model ran", code="lease-lost")
        sync_folder(Path(request.folder).parent)
        return key

    def _inputs(self, attempt: Attempt) -> tuple[ModelSpec, tuple[SeriesFiles, ...]]:
        with self._database.read() as session:
            job = session.get_one(Job, attempt.claim.job_id)
            instances = instances_of(session, job.instance_ids)
            patient = may_come_back(session, attempt.claim.attempt)
        spec = models().get(job.model)
        if spec is None:
            raise PermanentError(f"this worker has no model {job.model}", code="unknown-model")
        self._label(attempt, job, spec, instances)
        paths = source_paths(self._spool, instances, may_come_back=patient)
        return spec, _series(instances, paths, job.scales)

    def _label(
        self, attempt: Attempt, job: Job, spec: ModelSpec, instances: list[Instance]
    ) -> None:
        """Record what the job runs with, where that changed since it was queued."""
        digest = weights_manifest(spec.name).digest
        today = (digest, spec.version, spec.parameters)
        if today == (job.weights_digest, job.model_version, job.parameters):
            return
        study_instance_uid = str(instances[0].manifest["study_instance_uid"])
        key = job_key(
            study_instance_uid,
            digest_of(instances),
            spec.name,
            digest,
            version=spec.version,
            parameters=spec.parameters,
            **scales_in_key(job.scales),
        )
        try:
            with self._database.write() as session:
                kept = relabel(
                    session,
                    attempt.claim,
                    key=key,
                    weights_digest=digest,
                    model_version=spec.version,
                    parameters=spec.parameters,
                )
        except IntegrityError as error:
            reason = "the same work is queued again with the weights of today"
            raise PermanentError(reason, code="superseded") from error
        if not kept:
            raise TransientError("the lease was lost before the model ran", code="lease-lost")


def register(broker: Celery, runner: StageRunner, stage: ModelStage) -> None:
    """Make ``broker`` run the model stage when the task's message arrives."""

    @broker.task(name=RUN_MODEL_TASK)  # type: ignore[untyped-decorator]
    def run_model(**payload: object) -> None:
        runner.run(RunModel.model_validate(payload).job_id, stage.work)


def _series(
    instances: list[Instance], paths: dict[str, Path], scales: dict[str, float]
) -> tuple[SeriesFiles, ...]:
    manifests = [InstanceManifest.model_validate(one.manifest) for one in instances]
    study = study_manifest(manifests[0].study_instance_uid, manifests)
    return tuple(
        SeriesFiles(
            series_instance_uid=series.series_instance_uid,
            modality=series.instances[0].modality,
            description=series.instances[0].series_description,
            instances=tuple(
                InstanceFile(
                    path=str(paths[one.sop_instance_uid]),
                    sop_instance_uid=one.sop_instance_uid,
                    sop_class_uid=one.sop_class_uid,
                    scale_mm=scales.get(one.sop_instance_uid),
                )
                for one in series.instances
            ),
        )
        for series in study.series
    )
