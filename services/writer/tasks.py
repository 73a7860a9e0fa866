"""Tasks: the Celery task that writes the results of one job into the PACS."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from celery import Celery

from services.writer.history import History
from services.writer.identity import Role
from services.writer.previous import NONE
from services.writer.results import BuiltResult, Decode, build_results
from services.writer.settings import StackEncoding
from services.writer.store import store_result
from shared.db.engine import Database
from shared.db.pacs import may_come_back
from shared.db.results import record_result, verify_result
from shared.db.studies import instances_of
from shared.db.tables import Job, Result
from shared.dicom.pixels import read_middle_frame
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

    def __init__(
        self,
        database: Database,
        spool: Spool,
        pacs: Pacs,
        *,
        stack_encoding: StackEncoding = "binary",
        extra_roles: Collection[Role] = (),
        history: History | None = None,
        decode: Decode = read_middle_frame,
    ) -> None:
        self._database = database
        self._spool = spool
        self._pacs = pacs
        self._stack_encoding: StackEncoding = stack_encoding
        self._extra_roles = extra_roles
        self._history = history
        self._decode = decode

    def work(self, attempt: Attempt) -> None:
        """Build and record every result of the job; then store and verify them.

        Nothing is stored before all could be built. One result is in memory at a time: that of a
        stack of 500 frames is large enough.
        """
        with self._database.read() as session:
            job = session.get_one(Job, attempt.claim.job_id)
            instances = instances_of(session, job.instance_ids)
            patient = may_come_back(session, attempt.claim.attempt)
        with attempt.timed("build"):
            paths = source_paths(self._spool, instances, may_come_back=patient)
            recorded = [self._record(job, built) for built in self._results(job, paths)]
            failpoint("writer.after-record")
        with attempt.timed("store"):
            for built, key in recorded:
                if attempt.lost.is_set():
                    raise TransientError("the lease was lost while storing", code="lease-lost")
                content = self._spool.path(key).read_bytes()
                failpoint("writer.before-store")
                stored = store_result(self._pacs, dataclasses.replace(built, content=content))
                failpoint("writer.after-store")
                self._verify(job, built, already_stored=not stored)

    def _verify(self, job: Job, built: BuiltResult, *, already_stored: bool) -> None:
        with self._database.write() as session:
            verify_result(session, job.id, built.sop_instance_uid, already_stored=already_stored)
            failpoint("writer.before-verify-commit")
        failpoint("writer.after-verify")

    def _results(self, job: Job, paths: Mapping[str, Path]) -> Iterator[BuiltResult]:
        spec = models().get(job.model)
        if spec is None or job.findings_key is None:
            raise PermanentError(f"there are no findings of {job.model}", code="no-findings")
        manifest = weights_manifest(spec.name)
        today = (manifest.digest, spec.version, spec.parameters)
        if today != (job.weights_digest, job.model_version, job.parameters):
            # Findings made with other weights must not be labelled with today's.
            raise PermanentError("the weights changed since the model ran", code="weights-changed")
        findings = load_findings(self._spool.path(job.findings_key))
        previous = NONE
        if self._history is not None:
            previous = self._history.previous(job.id, findings, paths, spec, job.weights_digest)
        return build_results(
            findings,
            paths,
            spec,
            job.weights_digest,
            stack_encoding=self._stack_encoding,
            extra_roles=self._extra_roles,
            previous=previous,
            scales=job.scales,
            decode=self._decode,
        )

    def _record(self, job: Job, built: BuiltResult) -> tuple[BuiltResult, str]:
        """Return the result without its bytes, and the key of the file that holds them."""
        failpoint("writer.after-build")
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
            source_sop_instance_uid=built.source_sop_instance_uid,
            sha256=file.sha256,
            spool_key=file.key,
            state=ResultState.BUILT,
        )
        with self._database.write() as session:
            record_result(session, row)
        return dataclasses.replace(built, content=b""), file.key


def register(broker: Celery, runner: StageRunner, stage: WriteStage) -> None:
    """Make ``broker`` run the write stage when the task's message arrives."""

    @broker.task(name=WRITE_RESULTS_TASK)  # type: ignore[untyped-decorator]
    def write_results(**payload: object) -> None:
        runner.run(WriteResults.model_validate(payload).job_id, stage.work)
