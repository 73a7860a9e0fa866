"""Disturbances: what goes wrong, in an order that the seed decides, each role on its own."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from shared.db.engine import Database
from shared.failpoints import FAILPOINTS

KILLED = (
    "listener",
    "dispatcher",
    "worker",
    "actor",
    "head",
    "writer",
    "api",
    "redis",
    "orthanc",
)
STOPPED = ("listener", "dispatcher", "worker", "writer")
_COMMANDS = {
    "listener": "services.listener",
    "dispatcher": "services.dispatcher",
    "worker": "workers.runtime",
    "writer": "services.writer",
    "redis": "redis-server",
    "orthanc": "Orthanc",
    "api": "services.api",
    "actor": "ray::ModelActor",
    "head": "gcs_server",
}
_ROLE_OF = {"relay": "dispatcher", "spool": "writer"}
_SETTLED_SECONDS = 1.5
_PATIENCE_SECONDS = 45.0
_CUT_EVERY_SECONDS = 20.0
_OTHERS = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """``kill`` (SIGKILL), ``wipe`` (and its memory), ``stop`` (SIGTERM), or a failpoint's name.

    ``cut`` ends every connection to PostgreSQL, as its failing over would; ``crash`` kills a
    process of it, whereupon it throws out everyone and recovers from its log.
    """

    role: str
    what: str


SLOW = frozenset({"worker", "actor", "head"})
"""A model that was killed takes twenty seconds to be back, while nothing else can befall it."""


def schedule(seed: int, kills: int, spared: frozenset[str] = frozenset()) -> list[Disturbance]:
    """Return every failpoint once, every role killed ``kills`` times and stopped once, shuffled.

    Those ``spared`` die at their failpoints only.
    """
    planned = [
        Disturbance(role=_ROLE_OF.get(where := name.partition(".")[0], where), what=name)
        for name in FAILPOINTS
    ]
    for role in sorted(set(KILLED) - spared):
        planned += [Disturbance(role=role, what="kill")] * kills
    planned += [Disturbance(role=role, what="stop") for role in sorted(set(STOPPED) - spared)]
    planned += [Disturbance(role="redis", what="wipe")] * kills
    planned += [Disturbance(role="database", what="cut")] * 2 * kills
    planned += [Disturbance(role="database", what="crash")] * kills
    random.Random(seed).shuffle(planned)
    return planned


def arming(seed: int) -> str:
    """Return the setting that arms every failpoint, each at a passage between 1 and 3."""
    draw = random.Random(seed)
    return ",".join(f"{name}={draw.randint(1, 3)}" for name in FAILPOINTS)


class Disturber:
    """Disturbs a pipeline below ``supervisor``; each role only while it is at work.

    A failpoint is armed by removing its mark; the mark is back when it has fired. ``database`` is
    the one to cut off; SQLite has no connections that could be.
    """

    def __init__(
        self,
        planned: list[Disturbance],
        supervisor: int,
        data: Path,
        marks: Path,
        database: Database,
    ) -> None:
        self._waiting: dict[str, list[Disturbance]] = {}
        self._database = database
        for one in planned:
            if one.role != "database" or database.engine.dialect.name == "postgresql":
                self._waiting.setdefault(one.role, []).append(one)
        self._supervisor = psutil.Process(supervisor)
        self._data, self._marks = data, marks
        self._armed: dict[str, tuple[Disturbance, float]] = {}
        self.total, self.over = sum(map(len, self._waiting.values())), 0
        self.done: Counter[str] = Counter()
        self._cut_at = 0.0
        for name in FAILPOINTS:
            (marks / name).touch()

    @property
    def share(self) -> float:
        """How much of the schedule is over, 0 to 1."""
        return self.over / self.total

    def step(self) -> None:
        """Note what fired, and disturb every role that is due."""
        for role, (one, since) in list(self._armed.items()):
            if (self._marks / one.what).exists():
                self._end(role, one.what)
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                # Nothing came by: what comes before may be down. Its turn comes again.
                (self._marks / one.what).touch()
                self._waiting[role].insert(0, one)
                del self._armed[role]
        alive = alive_roles(self._supervisor)
        for role, planned in self._waiting.items():
            if planned and role not in self._armed and is_settled(role, alive):
                self._disturb(planned.pop(), alive)

    def end(self) -> None:
        """Disarm whatever is still armed."""
        for name in FAILPOINTS:
            (self._marks / name).touch()

    @property
    def never_fired(self) -> list[str]:
        """The failpoints that did not fire."""
        return [name for name in FAILPOINTS if not self.done[name]]

    def _end(self, role: str, what: str) -> None:
        del self._armed[role]
        self.over += 1
        self.done[what] += 1

    def _disturb(self, one: Disturbance, alive: dict[str, psutil.Process]) -> None:
        if one.what in FAILPOINTS:
            (self._marks / one.what).unlink()
            self._armed[one.role] = (one, time.monotonic())
            return
        if one.role == "database":
            self._cut(one)
            return
        try:
            alive[one.role].send_signal(signal.SIGTERM if one.what == "stop" else signal.SIGKILL)
        except psutil.NoSuchProcess:
            self._waiting[one.role].append(one)
            return
        if one.what == "wipe":
            self._forget_queue()
        self.over += 1
        self.done[f"{one.what} {one.role}"] += 1

    def _cut(self, one: Disturbance) -> None:
        now = time.monotonic()
        if now - self._cut_at < _CUT_EVERY_SECONDS:
            self._waiting["database"].append(one)
            return
        self._cut_at = now
        ended = "pg_terminate_backend(pid)" if one.what == "cut" else "pid"
        with self._database.engine.connect() as connection:
            found = connection.scalars(text(f"SELECT {ended} {_OTHERS}")).all()
        try:
            if one.what == "crash":
                os.kill(found[0], signal.SIGKILL)
        except (IndexError, ProcessLookupError):  # nobody was at work just then
            self._waiting["database"].append(one)
            return
        self.over += 1
        self.done[f"{one.what} database"] += 1

    def _forget_queue(self) -> None:
        # Before the supervisor starts it again, a second later.
        shutil.rmtree(self._data / "redis" / "appendonlydir", ignore_errors=True)
        for name in ("appendonly.aof", "dump.rdb"):
            (self._data / "redis" / name).unlink(missing_ok=True)


def alive_roles(supervisor: psutil.Process) -> dict[str, psutil.Process]:
    """Return the process of every role below ``supervisor`` that has lived for a moment."""
    found = {}
    for process in supervisor.children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            old = time.time() - process.create_time() > _SETTLED_SECONDS
            if process.status() == psutil.STATUS_ZOMBIE or not old:
                continue
            for role, sign in _COMMANDS.items():
                # A child of a service carries its command line until it executes its own.
                if sign in command and os.getpgid(process.pid) == _leader(role, process):
                    found[role] = process
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def is_settled(role: str, alive: dict[str, psutil.Process]) -> bool:
    """Say whether ``role`` is at work: a worker, with its Ray, is once its actor is."""
    if role == "database":
        return True
    return role in alive and (role not in {"worker", "head"} or "actor" in alive)


def _leader(role: str, process: psutil.Process) -> int:
    """Return the process group in which a process of ``role`` is the one we mean."""
    return os.getpgid(process.pid) if role in {"actor", "head"} else process.pid
