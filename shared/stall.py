"""Stall: a consumer that stopped listening to the broker ends its process, to be started again.

A consumer has been seen to come out of a broker's restart connected and deaf: it lives, beats its
heart, and takes no message any more. From outside it looks like one that has nothing to do.
"""

import os
import threading
import time
from collections.abc import Sequence

import structlog
from celery import Celery
from celery.signals import task_postrun, task_prerun

log = structlog.get_logger()

STATUS = 1
"""Exit status of a process that stalled."""


class StallGuard:
    """Watches one consumer: messages wait for it, it has nothing to do, and takes none.

    Parameters
    ----------
    queues
        The queues the consumer listens to.
    patience_seconds
        How long that may last.
    """

    def __init__(self, broker: Celery, queues: Sequence[str], patience_seconds: float) -> None:
        self._broker = broker
        self._queues = queues
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._running = 0
        self._taken = 0
        self._last = (0, time.monotonic())
        task_prerun.connect(self._began, weak=False)
        task_postrun.connect(self._ended, weak=False)

    def look(self) -> None:
        """End the process, at once, if the consumer has stalled."""
        if self.is_stalled():
            log.critical("consumer_stalled", queues=list(self._queues), seconds=self._patience)
            os._exit(STATUS)

    def is_stalled(self) -> bool:
        """Say whether messages have waited for longer than allowed while nothing was done."""
        idle = not self._running and self._last[0] == self._taken
        if not idle or not self._waiting():
            self._last = (self._taken, time.monotonic())
            return False
        return time.monotonic() - self._last[1] > self._patience

    def _waiting(self) -> int:
        """Return how many messages wait; 0 while the broker is away, which is another trouble."""
        with self._broker.connection_for_read() as connection:
            try:
                channel = connection.channel()
                return sum(channel.queue_declare(one).message_count for one in self._queues)
            except (*connection.connection_errors, *connection.channel_errors):
                return 0

    def _began(self, **_: object) -> None:
        with self._lock:
            self._running += 1
            self._taken += 1

    def _ended(self, **_: object) -> None:
        with self._lock:
            self._running -= 1
