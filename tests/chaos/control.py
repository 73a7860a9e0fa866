"""Control: the same kills with and without the outbox, so that the test is known to have power.

``direct`` publishes a message when the job is made, as most Celery programs do, and trusts the
broker; ``outbox`` is ours: relay, claim under a lease, sweep. Broker settings, worker, work and the
choice of kills are the same; Redis keeps nothing on disk. The work is a short sleep and one file.
Without kills neither may lose anything: else it was not the kills that did. The runs are made at
the same time, each with a Redis and workers of its own: they mostly sleep.
"""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kombu.exceptions import OperationalError as BrokerError

from services.local.redis import find_redis
from services.local.settings import environment
from shared.broker import make_broker, publish
from shared.db.engine import Database
from shared.db.jobs import open_job, recover_lost
from shared.db.migrate import migrate
from shared.db.outbox import owe_again, relay
from shared.messages import RUN_MODEL_TASK
from shared.settings import Settings
from shared.stage import retry_policy
from tests.orthanc import free_port
from tests.shared.db.rows import frozen_revision

QUEUE = "control"
_WORKERS = ("worker-1", "worker-2")
_STORM_SECONDS = 40.0
_UNDISTURBED_SECONDS = 10.0
_READY_SECONDS = 120.0
_QUIET_SECONDS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of the jobs."""

    jobs: int
    lost: int
    kills: int

    def __str__(self) -> str:
        share = 100 * self.lost / self.jobs
        return f"{self.lost} of {self.jobs} lost ({share:.0f} %), {self.kills} kills"


Run = tuple[str, bool]
"""A mode, and whether there are kills."""


def control(runs: Sequence[Run], folder: Path, *, jobs: int, seed: int) -> dict[Run, Found]:
    """Pass ``jobs`` through Redis and two workers in each of ``runs``; count what is never done."""
    with ExitStack() as ends, ThreadPoolExecutor(len(runs)) as threads:
        storms = {}
        for number, (mode, kill) in enumerate(runs):
            (own := folder / str(number)).mkdir()
            # One after the other: each Redis has taken its port before the next one is chosen.
            storms[mode, kill] = storm = _Storm(mode, own)
            ends.callback(storm.end)
        found = threads.map(lambda one: _controlled(storms[one], jobs, seed, kill=one[1]), runs)
        return dict(zip(runs, found, strict=True))


def _controlled(storm: "_Storm", jobs: int, seed: int, *, kill: bool) -> Found:
    storm.wait_for_workers()
    kills = storm.run(jobs, random.Random(seed), kill=kill)
    return Found(jobs=jobs, lost=jobs - storm.settle(jobs), kills=kills)


class _Storm:
    def __init__(self, mode: str, folder: Path) -> None:
        self._mode, self._folder, self._port = mode, folder, free_port()
        self._settings = Settings(
            redis_url=f"redis://127.0.0.1:{self._port}/0",
            database_url=f"sqlite:///{folder / 'cutis.db'}",
            lease_seconds=6,
            heartbeat_seconds=1,
            publish_lease_seconds=6,
            retry_backoff_seconds=1,
            max_attempts=12,
            max_crashes=12,
        )
        (folder / "done").mkdir()
        self._database = Database(self._settings.database_url)
        migrate(self._database)
        self._broker = make_broker(self._settings)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, daemon=True)
        self._start("redis")
        time.sleep(0.5)
        for name in _WORKERS:
            self._start(name)
        if mode == "outbox":
            self._sweeper.start()

    def wait_for_workers(self) -> None:
        """Wait until both workers consume."""
        deadline = time.monotonic() + _READY_SECONDS
        while not all(self._consumes(name) for name in _WORKERS):
            if time.monotonic() > deadline:
                raise TimeoutError("the workers of the control run did not start")
            time.sleep(0.1)

    def run(self, jobs: int, draw: random.Random, *, kill: bool) -> int:
        """Make the jobs while Redis and workers at work are killed in turn; return the kills."""
        seconds = _STORM_SECONDS if kill else _UNDISTURBED_SECONDS
        start, made, kills = time.monotonic(), 0, 0
        due = start + 2.0
        while (elapsed := time.monotonic() - start) < seconds or made < jobs:
            while made < min(jobs, 1 + int(jobs * elapsed / (0.8 * seconds))):
                made += self._make(made)
            if kill and time.monotonic() >= due:
                name = draw.choice(["redis", *filter(self._consumes, _WORKERS)])
                self._kill(name)
                self._start(name)
                kills, due = kills + 1, time.monotonic() + draw.uniform(4.0, 7.0)
            time.sleep(0.05)
        return kills

    def settle(self, jobs: int) -> int:
        """Wait until all is done, or nothing has been for a while; return how many are done."""
        last, since = -1, time.monotonic()
        while True:
            done = len(list((self._folder / "done").iterdir()))
            if done != last:
                last, since = done, time.monotonic()
            if done >= jobs or time.monotonic() - since > _QUIET_SECONDS:
                return done
            time.sleep(0.5)

    def end(self) -> None:
        """Kill everything."""
        self._stop.set()
        if self._sweeper.is_alive():
            self._sweeper.join()
        for name in list(self._running):
            self._kill(name)
        self._database.dispose()

    def _make(self, number: int) -> int:
        """Make one job that the sender is told is taken; return 1, or 0 to try again."""
        if self._mode == "direct":
            message: dict[str, object] = {"job_id": f"{number:032x}"}
            return self._tried(lambda: publish(self._broker, RUN_MODEL_TASK, QUEUE, message))
        with self._database.write() as session:
            if number == 0:
                self._revision = frozen_revision(session)
            open_job(
                session,
                self._revision,
                key=f"{number}",
                model=QUEUE,
                model_version="1",
                weights_digest="",
                parameters={},
                instance_ids=list(self._revision.instance_ids),
            )
        return 1

    def _sweep(self) -> None:
        policy = retry_policy(self._settings)
        while not self._stop.wait(0.3):
            with self._database.write() as session:
                recover_lost(session, policy)
                owe_again(session, self._settings.publish_lease_seconds)
            self._tried(
                lambda: relay(self._database, lambda *message: publish(self._broker, *message))
            )

    def _tried(self, act: Callable[[], object]) -> int:
        try:
            act()
        except (BrokerError, ConnectionError, TimeoutError):
            time.sleep(0.2)
            return 0
        return 1

    def _start(self, name: str) -> None:
        if name == "redis":
            options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
            command = [find_redis(), *options, "--appendonly", "no", "--dir", str(self._folder)]
        else:
            command = [sys.executable, "-m", "tests.chaos.control_worker", self._mode, name]
            command.append(str(self._folder))
        names = {
            "CUTIS_REDIS_URL": self._settings.redis_url,
            "CUTIS_DATABASE_URL": self._settings.database_url,
            "CUTIS_LEASE_SECONDS": "6",
            "CUTIS_HEARTBEAT_SECONDS": "1",
            "CUTIS_MAX_ATTEMPTS": "12",
            "CUTIS_MAX_CRASHES": "12",
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, env=environment() | names, stdout=log, stderr=subprocess.STDOUT
            )

    def _kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait()
        (self._folder / f"{name}.ready").unlink(missing_ok=True)

    def _consumes(self, name: str) -> bool:
        return (self._folder / f"{name}.ready").exists()
