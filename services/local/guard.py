"""Guard: a process that outlives a killed supervisor just long enough to kill what it left.

Children die with their supervisor (``descendants.die_with_parent``), but not what they started:
Ray's agents, for one, notice the end of their raylet late or never. The guard learns from its
stdin whom to look after; the end of that stream, without a word, means that nobody else will.
"""

import subprocess
import sys
from collections.abc import Iterable

import psutil
import structlog

from services.local.descendants import kill, left_by

log = structlog.get_logger()


class Guard:
    """The supervisor's end: tells the guard which children there are."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "services.local.guard"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    @property
    def pid(self) -> int:
        """The guard's own process id."""
        return self._process.pid

    def watch(self, leader: int, mark: str) -> None:
        """Look after the child ``leader``; ``mark`` is in its environment."""
        self._say(f"{leader} {mark}")

    def forget(self, leader: int) -> None:
        """Stop looking after a child that is gone: its process id may be somebody else's soon."""
        self._say(f"{leader}")

    def dismiss(self) -> None:
        """All is stopped: nothing is left to guard."""
        self._process.kill()
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            log.warning("the guard is gone: a killed supervisor may leave processes")


def main(lines: Iterable[str]) -> None:
    """Learn from ``lines`` until they end, then kill what is left of every watched child."""
    watched: dict[int, str] = {}
    for line in lines:
        leader, _, mark = line.strip().partition(" ")
        if mark:
            watched[int(leader)] = mark
        else:
            watched.pop(int(leader), None)
    while kill(_left(watched)):
        continue  # what was starting something while it was killed


def _left(watched: dict[int, str]) -> list[psutil.Process]:
    everyone = list(psutil.process_iter())
    return [one for leader, mark in watched.items() for one in left_by(leader, mark, everyone)]


if __name__ == "__main__":
    main(sys.stdin)
