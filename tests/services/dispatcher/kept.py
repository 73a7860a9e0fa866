"""A study with one job, and every file on the spool that they have."""

import os
import time
from datetime import timedelta

from sqlalchemy import update

from shared.db.engine import Database, clock
from shared.db.ingest import record_instance
from shared.db.jobs import job_key, open_job
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Job, Result, Study
from shared.spool import Spool
from shared.states import JobState, ResultState
from tests.shared.db.rows import SENDER, manifest

WEEK = 7 * 24 * 3600.0


class Kept:
    """One study with one job, and every file they have."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self.database, self.spool = database, spool
        with database.write() as session:
            self.source = spool.write_by_digest("instances", b"pixels")
            record_instance(session, manifest(), self.source, sender=SENDER, association_id=None)
            (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
            revision.routed_at = clock(session)
            job = open_job(
                session,
                revision,
                key=job_key("1.2", revision.digest, "layers", "digest"),
                model="layers",
                model_version="1",
                weights_digest="digest",
                parameters={},
                instance_ids=list(revision.instance_ids),
            )
            self.job_id = job.id
            job.findings_key = spool.job_folder(job.id, 1)
            self.findings = spool.write(f"{job.findings_key}/findings.json", b"{}")
            self.result = spool.write(f"jobs/{job.id}/results/1.2.3.dcm", b"result")
            session.add(
                Result(
                    job_id=job.id,
                    role="seg",
                    sop_class_uid="1.2",
                    sop_instance_uid="1.2.3.9",
                    series_instance_uid="1.2.9",
                    series_description="",
                    source_sop_instance_uid="1.2.3",
                    sha256=self.result.sha256,
                    spool_key=self.result.key,
                    state=ResultState.VERIFIED,
                )
            )

    def end(self, state: JobState, *, hours_ago: float = 2, superseded: bool = False) -> None:
        """Let the job be in ``state`` since some hours, and everything as old as that."""
        with self.database.write() as session:
            then = clock(session) - timedelta(hours=hours_ago)
            over = {JobState.DONE, JobState.FAILED, JobState.PARKED, JobState.CANCELLED}
            session.execute(
                update(Job).values(
                    state=state,
                    finished_at=then if state in over else None,
                    superseded_at=then if superseded else None,
                )
            )
            session.execute(update(Study).values(last_instance_at=then))
        make_old(self.spool)

    def files(self) -> list[str]:
        keys = [self.source.key, self.findings.key, self.result.key]
        return [key for key in keys if self.spool.path(key).exists()]


def make_old(spool: Spool, seconds: float = WEEK) -> None:
    for one in list(spool.files("")):
        os.utime(spool.path(one.key), (time.time() - seconds,) * 2)
