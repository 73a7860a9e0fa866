"""Vital: threads that a process cannot do without. One that ends by surprise ends the process.

A thread that dies without a word leaves a process that looks alive and no longer does its work;
whoever supervises it starts an ended one again.
"""

import os
import sys
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()

STATUS = 1
"""Exit status of a process that lost such a thread."""


def vital_thread(
    target: Callable[[], object], *, name: str, stopping: threading.Event
) -> threading.Thread:
    """Return a daemon thread, not started, whose unforeseen error ends the process at once.

    Not while ``stopping`` is set: what ends anyway may stumble.
    """

    def run() -> None:
        try:
            target()
        finally:
            kind = sys.exc_info()[0]
            if kind is not None and not stopping.is_set():
                log.critical("thread_lost", thread=name, reason=kind.__name__)
                os._exit(STATUS)

    return threading.Thread(target=run, name=name, daemon=True)
