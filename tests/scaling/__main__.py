"""Scaling: several workers and a Ray cluster of several nodes share one queue on PostgreSQL.

Run by ``make scale-test``. Workers and nodes come and go while studies arrive; then another
pipeline is upgraded under load. The books are balanced after each: nothing may be lost, nothing
worked on twice, else the exit status is 1.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from shared.db.engine import Database
from shared.db.tables import Attempt
from shared.states import AttemptOutcome, Stage
from tests.chaos.books import Books, balance, ended_jobs
from tests.chaos.sender import Sender, samples
from tests.database import postgresql_url
from tests.integration.running import RunningPipeline, running_pipeline
from tests.scaling.crew import ACTORS_ON_A_NODE, Nodes, Workers
from tests.scaling.upgrade import upgrade

_PATIENCE_SECONDS = 180.0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.scaling", description=__doc__)
    parser.add_argument("--jobs", type=int, default=120, help="studies, for each of both parts")
    parser.add_argument("--upgrade-only", action="store_true", help="leave the first part out")
    asked = parser.parse_args()
    jobs: int = asked.jobs
    good = True
    with tempfile.TemporaryDirectory(prefix="scale-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir()
        if not asked.upgrade_only:
            good = _scale(folder, jobs)
        with postgresql_url(folder / "postgresql-upgraded") as url:
            _say("upgrade under load, with a schema that grows and is tightened:")
            books = upgrade(folder, url, jobs, _say)
        _show(books)
        good &= not books.wrongs
    _say("scaling: passed" if good else "scaling: FAILED")
    return 0 if good else 1


def _scale(folder: Path, jobs: int) -> bool:
    with postgresql_url(folder / "postgresql") as url:
        nodes = Nodes(folder / "ray")
        environment = {
            "CUTIS_DATABASE_URL": url,
            "CUTIS_WORKER_RAY_ADDRESS": nodes.address,
            "CUTIS_WORKER_MODELS": '["inflammation"]',
            "CUTIS_WORKER_THREADS_PER_ACTOR": "1",
            "CUTIS_WORKER_ACTOR_CPUS": str(1 / ACTORS_ON_A_NODE),
            "CUTIS_LOCAL_LONGEST_RESTART_SECONDS": "1",
            "CUTIS_MAX_ATTEMPTS": "12",
            "CUTIS_MAX_CRASHES": "12",
            "CUTIS_LOG_LEVEL": "WARNING",
        }
        try:
            nodes.add()
            with running_pipeline(folder / "data", **environment) as pipeline:
                good = Trial(pipeline, Database(url), folder / "data", nodes, jobs).run()
        finally:
            nodes.close()
    return good


class Trial:
    """The studies that arrive, and the books after them."""

    def __init__(
        self, pipeline: RunningPipeline, database: Database, data: Path, nodes: Nodes, jobs: int
    ) -> None:
        self._pipeline, self._database, self._data = pipeline, database, data
        self._nodes, self._jobs = nodes, jobs
        self._workers = Workers(pipeline.pid_of("worker"))

    def run(self) -> bool:
        """Return whether all went well."""
        try:
            books = self._come_and_go()
        finally:
            self._workers.close()
            self._database.dispose()
        return not books.wrongs

    def _come_and_go(self) -> Books:
        self._sent = samples(self._jobs, "scaling")
        sender = Sender(self._sent, self._pipeline.addresses.listener)
        self._answers = sender.answers
        events: list[tuple[str, Callable[[], object]]] = [
            ("a second worker joins", self._workers.add),
            ("a third worker joins", self._workers.add),
            ("a second node joins", self._nodes.add),
            ("a worker is killed", lambda: self._workers.remove(signal.SIGKILL)),
            ("the first node is killed", lambda: self._nodes.remove(graceful=False)),
            ("a third node joins", self._nodes.add),
            ("a worker ends as asked", lambda: self._workers.remove(signal.SIGTERM)),
            ("another worker joins", self._workers.add),
            ("a node ends as asked", lambda: self._nodes.remove(graceful=True)),
            ("a fourth node joins", self._nodes.add),
        ]
        start = time.monotonic()
        sender.start()
        for number, (what, happens) in enumerate(events):
            sender.allow((number + 1) / (len(events) + 1))
            happens()
            # A good part of what was sent, so that the next event finds work under way.
            self._rest(round(self._jobs * number / (len(events) + 1)))
            where = f"{self._nodes.count()} nodes with actors"
            _say(f"  {time.monotonic() - start:4.0f} s  {what}; {where}")
        sender.finish(120)
        self._rest(self._jobs)
        _say(f"workers and nodes came and went: {time.monotonic() - start:.0f} s")
        return self._report()

    def _rest(self, jobs: int) -> None:
        """Wait until so many jobs have ended; give up when nothing moves any more."""
        last, since = -1, time.monotonic()
        while (ended := ended_jobs(self._database)) < jobs:
            if ended != last:
                last, since = ended, time.monotonic()
            if time.monotonic() - since > _PATIENCE_SECONDS:
                _say(f"  gave up: {ended} of {jobs} jobs have ended")
                return
            time.sleep(0.5)

    def _report(self) -> Books:
        orthanc = self._pipeline.orthanc
        books = balance(self._sent, self._answers, self._database, self._data / "spool", orthanc)
        with self._database.read() as session:
            tried = select(Attempt).where(Attempt.stage == Stage.MODEL)
            attempts = list(session.scalars(tried))
        well = [one for one in attempts if one.outcome == AttemptOutcome.SUCCEEDED]
        twice = [job for job, times in Counter(one.job_id for one in well).items() if times > 1]
        books.check("inferred twice", twice)
        _show(books)
        share = Counter(one.owner for one in well).values()
        _say(f"  jobs by worker: {', '.join(map(str, sorted(share, reverse=True)))}")
        return books


def _show(books: Books) -> None:
    for what, count in books.counts.items():
        _say(f"  {what}: {count}")
    for one in books.wrongs[:20]:
        _say(f"  WRONG {one}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
