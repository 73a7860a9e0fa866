"""Failpoints: places where a test may let a process die as if by ``kill -9``; else they do nothing.

``CUTIS_FAILPOINTS="worker.after-claim=3,writer.after-store=0.1"`` arms two: a whole number is the
passage, counted in this process, from which on it fires; a number with a point is a probability.
With ``CUTIS_FAILPOINT_MARKS`` set to a folder, one fires only if it can make the file of its name
there: once, however often the process is started again, and whoever put it there knows that it
fired. Removing the file arms the failpoint anew.
"""

import os
import random
import threading
from collections import Counter
from functools import cache
from pathlib import Path

from shared.errors import ConfigurationError
from shared.settings import Settings

STATUS = 137
"""Exit status of a process that a failpoint ended: what a shell shows for SIGKILL."""

FAILPOINTS = (
    "spool.before-fsync",
    "spool.before-rename",
    "spool.after-rename",
    "listener.after-accept",
    "listener.before-write",
    "listener.after-write",
    "listener.before-commit",
    "listener.after-commit",
    "listener.before-answer",
    "dispatcher.before-freeze-commit",
    "dispatcher.after-freeze",
    "dispatcher.before-route-commit",
    "dispatcher.after-route",
    "dispatcher.before-sweep-commit",
    "dispatcher.after-sweep",
    "relay.before-publish",
    "relay.after-publish",
    "relay.after-sent-mark",
    "worker.before-claim-commit",
    "worker.after-claim",
    "worker.after-renew",
    "worker.before-predict",
    "worker.after-predict",
    "worker.before-finish-commit",
    "worker.after-finish",
    "actor.before-predict",
    "actor.after-predict",
    "actor.after-save",
    "writer.before-claim-commit",
    "writer.after-claim",
    "writer.after-renew",
    "writer.after-build",
    "writer.after-result-file",
    "writer.after-record",
    "writer.before-store",
    "writer.after-store",
    "writer.before-verify-commit",
    "writer.after-verify",
    "writer.before-finish-commit",
    "writer.after-finish",
)
"""Every failpoint, as ``where.when``."""


def failpoint(name: str) -> None:
    """Die here, at once and without any clean-up, if ``name`` is armed and its time has come."""
    armed = _armed()
    if armed is not None:
        armed.pass_by(name)


class Failpoints:
    """Some armed failpoints of one process.

    Parameters
    ----------
    text
        ``name=passage`` or ``name=probability``, separated by commas.
    marks
        The folder of marks, or ``None``: then each fires whenever its time has come.

    Raises
    ------
    ConfigurationError
        An unknown name, or a number that is none.
    """

    def __init__(self, text: str, marks: Path | None = None) -> None:
        self._rules = dict(_rule(one.strip()) for one in text.split(",") if one.strip())
        self._marks = marks
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def pass_by(self, name: str) -> None:
        """End the process if ``name`` is due."""
        if self.is_due(name):
            os._exit(STATUS)

    def is_due(self, name: str) -> bool:
        """Count a passage of ``name``; say whether the process has to end here."""
        rule = self._rules.get(name)
        if rule is None:
            return False
        with self._lock:
            self._passed[name] += 1
            passage, probability = rule
            if self._passed[name] < passage or random.random() >= probability:  # noqa: S311
                return False
            return self._mark(name)

    def _mark(self, name: str) -> bool:
        if self._marks is None:
            return True
        try:
            (self._marks / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@cache
def _armed() -> Failpoints | None:
    settings = Settings()
    if not settings.failpoints:
        return None
    return Failpoints(settings.failpoints, settings.failpoint_marks)


def _rule(text: str) -> tuple[str, tuple[int, float]]:
    """Return the name, and (first passage that counts, probability from then on)."""
    name, _, number = text.partition("=")
    if name not in FAILPOINTS:
        raise ConfigurationError(f"there is no failpoint {name!r}", code="failpoints")
    try:
        return name, (1, float(number)) if "." in number else (int(number), 1.0)
    except ValueError:
        raise ConfigurationError(
            f"failpoint {name} needs a passage or a probability, not {number!r}", code="failpoints"
        ) from None
