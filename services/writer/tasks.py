"""Tasks: the Celery task that writes the results of one job into the PACS."""

from collections.abc import Sequence

from celery import Celery

from services.writer.results import BuiltResult, build_results
from services.writer.store import store_result
from shared.db.engine import Database
from shared.db.results import record_result, verify_result
from shared.db.studies import instances_of
from shared.db.tables import Instance, Job, Result
from shared.errors import PermanentError, TransientError
from shared.failpoints import failpoint
from shared.messages import WRITE_RESULTS_TASK, WriteResults
from shared.pacs import Pacs
from shared.sources import source_paths
from shared.spool import Spool
from shared.stage import Attempt, StageRunner
from shared.states import ResultState
from workers.catalog import models, weights_manifest
from workers.findings import load_findings


class WriteStage:
    """The write stage of a job: from spooled findings to results verified in the PACS."""

    def __init__(self, database: Database, spool: Spool, pacs: Pacs) -> None:
        self._database = database
        self._spool = spool
        self._pacs = pacs

    def work(self, attempt: Attempt) -> None:
        """Build, record, store and verify every result of the job."""
        with self._database.read() as session:
            job = session.get_one(Job, attempt.claim.job_id)
            instances = instances_of(session, job.instance_ids)
        with attempt.timed("build"):
            results = self._build(job, instances)
            failpoint("writer.after-build")
            self._record(job, results)
            failpoint("writer.after-record")
        with attempt.timed("store"):
            for built, _source in results:
                if attempt.lost.is_set():
                    raise TransientError("the lease was lost while storing", code="lease-lost")
                failpoint("writer.before-store")
                already = not store_result(self._pacs, built)
                failpoint("writer.after-store")
                self._verify(job, built, already_stored=already)

    def _verify(self, job: Job, built: BuiltResult, *, already_stored: bool) -> None:
        with self._database.write() as session:
            verify_result(session, job.id, built.sop_instance_uid, already_stored=already_stored)
            failpoint("writer.before-verify-commit")
        failpoint("writer.after-verify")

    def _build(self, job: Job, instances: Sequence[Instance]) -> list[tuple[BuiltResult, str]]:
        spec = models().get(job.model)
        if spec is None or job.findings_key is None:
            raise PermanentError(f"there are no findings of {job.model}", code="no-findings")
        manifest = weights_manifest(spec.name)
        today = (manifest.digest, spec.version, spec.parameters)
        if today != (job.weights_digest, job.model_version, job.parameters):
            # Findings made with other weights must not be labelled with today's.
            raise PermanentError("the weights changed since the model ran", code="weights-changed")
        paths = source_paths(self._spool, instances)
        return [
            (built, findings.sop_instance_uid)
            for findings in load_findings(self._spool.path(job.findings_key))
            for built in build_results(
                findings,
                paths[findings.sop_instance_uid],
                spec,
                job.weights_digest,
                derived_from_paths=[paths[one] for one in findings.derived_from],
            )
        ]

    def _record(self, job: Job, results: list[tuple[BuiltResult, str]]) -> None:
        for built, source in results:
            file = self._spool.write(
                f"jobs/{job.id}/results/{built.sop_instance_uid}.dcm", built.content
            )
            failpoint("writer.after-result-file")
            row = Result(
                job_id=job.id,
                role=built.role,
                sop_class_uid=built.sop_class_uid,
                sop_instance_uid=built.sop_instance_uid,
                series_instance_uid=built.series_instance_uid,
                series_description=built.series_description,
                source_sop_instance_uid=source,
                sha256=file.sha256,
                spool_key=file.key,
                state=ResultState.BUILT,
            )
            with self._database.write() as session:
                record_result(session, row)


def register(broker: Celery, runner: StageRunner, stage: WriteStage) -> None:
    """Make ``broker`` run the write stage when the task's message arrives."""

    @broker.task(name=WRITE_RESULTS_TASK)  # type: ignore[untyped-decorator]
    def write_results(**payload: object) -> None:
        runner.run(WriteResults.model_validate(payload).job_id, stage.work)
