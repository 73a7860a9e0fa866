"""What becomes of a job whose results cannot be written."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from services.writer.tasks import WriteStage
from shared.db.engine import Database
from shared.db.ingest import record_instance
from shared.db.jobs import open_job
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Job
from shared.dicom.decoder import Decoder
from shared.dicom.manifest import instance_manifest
from shared.dicom.pixels import MiddleFrame
from shared.errors import CrashError
from shared.settings import Settings
from shared.spool import Spool
from shared.stage import StageRunner
from shared.states import FINAL, JobState, Stage
from tests import factories
from tests.shared.db.rows import SENDER
from workers.catalog import models, weights_manifest
from workers.findings import Findings, save_findings

SETTINGS = Settings(retry_backoff_seconds=0.001, max_attempts=2, max_crashes=2)


class NoPacs:
    """A PACS that nothing may reach."""

    def has(self, *_: str) -> NoReturn:
        raise AssertionError("asked")

    def store(self, _: bytes) -> NoReturn:
        raise AssertionError("stored")

    def echo(self) -> NoReturn:
        raise AssertionError("asked")


@pytest.fixture
def job_id(database: Database, spool: Spool) -> str:
    """A job of one photo whose findings are on the spool."""
    source = factories.rgb_photo()
    path = factories.save(source, spool.path("") / "source.dcm")
    file = spool.write_by_digest("instances", path.read_bytes())
    spec = models()["segmentation"]
    with database.write() as session:
        manifest = instance_manifest(source)
        record_instance(session, manifest, file, sender=SENDER, association_id=None)
        (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
        job = open_job(
            session,
            revision,
            key="key",
            model=spec.name,
            model_version=spec.version,
            weights_digest=weights_manifest(spec.name).digest,
            parameters=spec.parameters,
            instance_ids=list(revision.instance_ids),
        )
        found = job.id

    def predict(_: object) -> str:
        key = spool.job_folder(found, 1)
        spool.path(key).mkdir(parents=True)
        save_findings((Findings(sop_instance_uid=source.SOPInstanceUID),), spool.path(key))
        return key

    StageRunner(database, SETTINGS, Stage.MODEL, "worker").run(found, predict)
    return found


def written(database: Database, spool: Spool, job_id: str, stage: WriteStage) -> Job:
    """Attempt to write the results once; return the job."""
    StageRunner(database, SETTINGS, Stage.WRITE, "writer").run(job_id, stage.work)
    with database.read() as session:
        return session.get_one(Job, job_id)


def test_a_decoder_that_hangs_costs_an_attempt_and_in_the_end_the_job(
    database: Database, spool: Spool, job_id: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")  # whoever reads it waits for ever
    with Decoder(seconds=1) as decoder:

        def hang(_: Path) -> MiddleFrame:
            return decoder.middle_frame(tmp_path / "pipe")

        stage = WriteStage(database, spool, NoPacs(), decode=hang)
        job = written(database, spool, job_id, stage)
        assert (job.state, job.code) == (JobState.INFERRED, "decoder-deadline")
        while job.state not in FINAL:
            job = written(database, spool, job_id, stage)
    assert (job.state, job.code) == (JobState.FAILED, "decoder-deadline")


def test_a_job_that_keeps_killing_the_decoder_is_parked(
    database: Database, spool: Spool, job_id: str
) -> None:
    def die(_: Path) -> MiddleFrame:
        raise CrashError("died", code="decoder-lost")

    stage = WriteStage(database, spool, NoPacs(), decode=die)
    job = written(database, spool, job_id, stage)
    assert (job.state, job.code) == (JobState.INFERRED, "decoder-lost")
    while job.state not in FINAL:
        job = written(database, spool, job_id, stage)
    assert (job.state, job.code) == (JobState.PARKED, "decoder-lost")
