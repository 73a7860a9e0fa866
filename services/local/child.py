"""Child: one supervised program, from its start to its end."""

import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.local.descendants import descendants, die_with_parent, kill, left_by

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_SECONDS = 60.0
"""A child that lived this long is forgiven its earlier deaths."""
MARK = "CUTIS_CHILD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how to know that it is ready.

    ``is_ready`` is given the child's process id. ``once`` programs must end with 0; all others
    run until they are stopped. What comes after a ``first`` program starts once that is ready.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    is_ready: Callable[[int], bool] = lambda _pid: True
    ready_seconds: float = 60.0
    stop_seconds: float = 15.0
    once: bool = False
    first: bool = False


class Child:
    """A program with its process, its log file and its history of deaths."""

    def __init__(self, program: Program, logs: Path, longest_wait: float = 30.0) -> None:
        self.program = program
        self._longest_wait = longest_wait
        self.log = logs / f"{program.name}.log"
        self.deaths = 0
        self.restart_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self.mark = ""

    @property
    def pid(self) -> int:
        """The process id, 0 before the first start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the program in a session of its own, its output appended to its log."""
        self.mark = f"{self.program.name}-{uuid.uuid4().hex}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - commands are ours, never a user's
                self.program.command,
                env={**self.program.environment, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )
        self._started, self.restart_at = time.monotonic(), None

    def exit_status(self) -> int | None:
        """Return the exit status, ``None`` while the program runs or before it was started."""
        return self._process.poll() if self._process else None

    def age(self) -> float:
        """Return the seconds since the last start."""
        return time.monotonic() - self._started

    def is_ready(self) -> bool:
        """Say whether the program does its work: a ``once`` program when it ended with 0."""
        if self.program.once:
            return self.exit_status() == 0
        return self.exit_status() is None and self.program.is_ready(self.pid)

    def bury(self) -> float:
        """Kill what the dead program left behind and set when to restart; return the wait, s."""
        self.deaths = 1 if self.age() >= STEADY_SECONDS else self.deaths + 1
        wait = BACKOFF_SECONDS[min(self.deaths, len(BACKOFF_SECONDS)) - 1]
        wait = min(wait, self._longest_wait)
        kill(left_by(self.pid, self.mark, descendants()))
        self.restart_at = time.monotonic() + wait
        return wait

    def stop(self) -> bool:
        """Ask the program to end, kill it after ``stop_seconds``; say whether it went by itself."""
        if self._process is None:
            return True
        went = self.exit_status() is not None or self._terminate(self._process)
        kill(left_by(self.pid, self.mark, descendants()))
        self._process.wait()
        return went

    def _terminate(self, process: subprocess.Popen[bytes]) -> bool:
        # Only the leader: Ray's processes share its group and must outlive the running jobs.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
        return True
