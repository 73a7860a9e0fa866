"""Complaints: warnings about peers, at most so many a minute of one kind, never with a value.

Whoever can reach the port could otherwise fill the disk with log lines, and what pynetdicom and
pydicom say about broken bytes quotes them: a name among them would stand in the log.
"""

import logging
import threading
import time
import warnings
from typing import TextIO

import structlog

log = structlog.get_logger(__name__)

PER_MINUTE = 20
"""Most lines of one kind a minute; how many were left out is said in the next one."""


class Complaints:
    """Writes warnings and leaves out what is repeated too often."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._window = 0.0
        self._seen: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def warn(self, event: str, kind: str, **fields: object) -> None:
        """Log ``event`` with ``fields``, unless ``kind`` was logged too often in this minute."""
        with self._lock:
            now = time.monotonic()
            if now - self._window >= 60:
                self._window, self._seen = now, {}
            # Kinds are ours, few and fixed; a new one from a stranger is no new budget.
            count = self._seen[kind] = self._seen.get(kind, 0) + 1
            if count > self._per_minute:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return
            left_out = self._left_out.pop(kind, 0)
        more = {"left_out": left_out} if left_out else {}
        log.warning(event, kind=kind, **fields, **more)


class LibraryComplaints(logging.Handler):
    """Turns what a library logs into a complaint: where in its code and which error, no text."""

    def __init__(self, complaints: Complaints) -> None:
        super().__init__(logging.WARNING)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        """Complain in our own words."""
        error = record.exc_info[0] if record.exc_info else None
        self._complaints.warn(
            "library complained",
            f"{record.name}:{record.lineno}",
            level_of_library=record.levelname,
            error="" if error is None else error.__name__,
        )


def complain_for_libraries(complaints: Complaints) -> None:
    """Take over what pynetdicom and pydicom log, and Python's own warnings."""
    for name in ("pynetdicom", "pydicom"):
        library = logging.getLogger(name)
        library.handlers[:] = [LibraryComplaints(complaints)]
        library.propagate = False
        library.setLevel(logging.ERROR)

    def show(  # noqa: PLR0917 - the signature of warnings.showwarning
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        kind = f"{filename.rpartition('/')[2]}:{lineno}"
        complaints.warn("library complained", kind, error=category.__name__)

    warnings.showwarning = show
