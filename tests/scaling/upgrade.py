"""Upgrade: the schema grows, each role takes the next release, the schema is tightened; under load.

First expand, while all programs are of this release; then each is asked to end and starts again
as the next release, so that both work on one database for a while; then contract.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from sqlalchemy import text

from shared.db.engine import Database
from shared.states import Stage
from tests.chaos.books import Books, balance, ended_jobs
from tests.chaos.rolling import restart
from tests.chaos.sender import Sender, samples
from tests.integration.running import RunningPipeline, running_pipeline
from tests.scaling.releases import BEFORE, NEXT, Releases

OURS = ("listener", "dispatcher", "worker", "writer", "api")
_PATIENCE_SECONDS = 180.0

_DONE_BY = {
    "received": "SELECT release, count(*) FROM instance GROUP BY release",
    "dispatched": "SELECT release, count(*) FROM job GROUP BY release",
    "inferred": f"SELECT release, count(*) FROM attempt WHERE stage = '{Stage.MODEL}' "
    "GROUP BY release",
    "written": f"SELECT release, count(*) FROM attempt WHERE stage = '{Stage.WRITE}' "
    "GROUP BY release",
}


def upgrade(folder: Path, url: str, jobs: int, say: Callable[[str], None]) -> Books:
    """Upgrade a pipeline in ``folder`` on the empty database at ``url``; return its books."""
    releases = Releases(folder / "releases")
    data = folder / "upgraded"
    data.mkdir()
    environment = {
        **releases.environment,
        "CUTIS_DATABASE_URL": url,
        "CUTIS_WORKER_MODELS": '["inflammation"]',
        "CUTIS_LOCAL_LONGEST_RESTART_SECONDS": "1",
        "CUTIS_LOG_LEVEL": "WARNING",
    }
    with running_pipeline(data, **environment) as pipeline:
        database = Database(url)
        try:
            return _upgrade(pipeline, database, data / "spool", releases, jobs, say)
        finally:
            database.dispose()


def _upgrade(
    pipeline: RunningPipeline,
    database: Database,
    spool: Path,
    releases: Releases,
    jobs: int,
    say: Callable[[str], None],
) -> Books:
    sent = samples(jobs, "upgrade")
    sender = Sender(sent, pipeline.addresses.listener)
    start = time.monotonic()
    url = database.engine.url.render_as_string(hide_password=False)
    sender.start()
    sender.allow(0.2)
    _wait(database, round(0.1 * jobs))
    releases.migrate(url)
    say(f"  {time.monotonic() - start:4.0f} s  expanded; {ended_jobs(database)} jobs have ended")
    releases.switch()
    for role in OURS:
        restart(psutil.Process(pipeline.process.pid), role)
        sender.allow(0.2 + 0.6 * (OURS.index(role) + 1) / len(OURS))
        ended = ended_jobs(database)
        say(f"  {time.monotonic() - start:4.0f} s  {role} is the next; {ended} jobs have ended")
    releases.contract()
    releases.migrate(url)
    say(f"  {time.monotonic() - start:4.0f} s  contracted; {ended_jobs(database)} jobs have ended")
    sender.finish(120)
    _wait(database, jobs)
    books = balance(sent, sender.answers, database, spool, pipeline.orthanc)
    for what, query in _DONE_BY.items():
        with database.read() as session:
            done = Counter({str(release): int(n) for release, n in session.execute(text(query))})
        say(f"  {what}: {done[BEFORE]} by this release, {done[NEXT]} by the next")
        books.check(
            f"releases by which nothing was {what}",
            [one for one in (BEFORE, NEXT) if not done[one]],
        )
    return books


def _wait(database: Database, jobs: int) -> None:
    """Wait until so many jobs have ended; give up when that takes too long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while ended_jobs(database) < jobs and time.monotonic() < deadline:
        time.sleep(0.3)
