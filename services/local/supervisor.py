"""Supervisor: starts the programs in order, keeps them running, stops them in reverse order.

It owns its process: it adopts every orphan below it, and nothing is left when it ends.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog

from services.local.child import Child, Program
from services.local.descendants import adopt_orphans, descendants, kill, reap
from services.local.guard import Guard
from shared.errors import ConfigurationError

log = structlog.get_logger()

_TICK_SECONDS = 0.1


class Supervisor:
    """Runs ``programs`` until a signal; writes each one's output to ``logs/<name>.log``.

    A program that dies is started again after a pause that doubles, up to ``longest_wait`` seconds.
    """

    def __init__(self, programs: Sequence[Program], logs: Path, longest_wait: float = 30.0) -> None:
        self._children = [Child(program, logs, longest_wait) for program in programs]
        self._logs = logs

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start all, call ``on_ready`` once all are ready, and watch until SIGINT or SIGTERM.

        Raises
        ------
        ConfigurationError
            A program ended or did not become ready; everything is stopped again by then.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        adopt_orphans()
        self._guard = Guard()
        with _signals() as stopping:
            try:
                self._start(stopping)
                if not stopping.is_set():
                    on_ready()
                while not stopping.wait(_TICK_SECONDS):
                    self._tend()
            finally:
                self._stop()

    def _start(self, stopping: threading.Event) -> None:
        awaited: list[Child] = []
        for child in self._children:
            self._start_one(child)
            awaited.append(child)
            if child.program.first:
                self._await(awaited, stopping)
            if stopping.is_set():
                return
        self._await(awaited, stopping)

    def _start_one(self, child: Child) -> None:
        child.start()
        self._guard.watch(child.pid, child.mark)

    def _await(self, children: list[Child], stopping: threading.Event) -> None:
        """Wait until all ``children`` are ready, and take them from the list one by one."""
        while children and not stopping.wait(_TICK_SECONDS):
            for child in list(children):
                if child.is_ready():
                    children.remove(child)
                    seconds = round(child.age(), 2)
                    log.info("ready", program=child.program.name, pid=child.pid, seconds=seconds)
                else:
                    _check_start(child)

    def _tend(self) -> None:
        for child in self._children:
            if child.program.once:
                continue
            if child.restart_at is not None:
                if time.monotonic() >= child.restart_at:
                    self._start_one(child)
                    log.info("restarted", program=child.program.name, pid=child.pid)
            elif (status := child.exit_status()) is not None:
                wait = child.bury()
                self._guard.forget(child.pid)
                log.error("died", program=child.program.name, status=status, restart_in=wait)
        reap((self._guard.pid, *(child.pid for child in self._children)))

    def _stop(self) -> None:
        for child in reversed(self._children):
            if child.pid:
                clean = child.stop()
                log.info("stopped", program=child.program.name, killed=not clean)
        left = kill(one for one in descendants() if one.pid != self._guard.pid)
        if left:
            log.warning("left behind, killed", processes=left)
        self._guard.dismiss()
        reap(())


def _check_start(child: Child) -> None:
    name, status = child.program.name, child.exit_status()
    if status is not None and not (child.program.once and status == 0):
        raise ConfigurationError(
            f"{name} ended with status {status} at its start: {_last_line(child.log)} "
            f"(all of it is in {child.log})"
        )
    if child.age() > child.program.ready_seconds:
        raise ConfigurationError(
            f"{name} was not ready after {child.program.ready_seconds:g} s; see {child.log}"
        )


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event while the block runs."""
    stopping = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {one: signal.signal(one, handle) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
