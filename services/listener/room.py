"""Room: whether the spool may grow, by the space left on its disk and by its own ceiling."""

import threading
import time

import structlog

from shared.spool import Spool

log = structlog.get_logger(__name__)

MEASURED_FOR = 10.0
"""Seconds that one measurement of the spool is trusted; what we take meanwhile is added to it."""


class Room:
    """Room in one spool. ``max_bytes`` 0 sets no ceiling: only the free space counts."""

    def __init__(
        self,
        spool: Spool,
        *,
        min_free_bytes: int,
        max_bytes: int,
        measured_for: float = MEASURED_FOR,
    ) -> None:
        self._spool = spool
        self._min_free_bytes = min_free_bytes
        self._max_bytes = max_bytes
        self._measured_for = measured_for
        self._measured_at = float("-inf")
        self._used = 0
        self._lock = threading.Lock()

    def take(self, size: int = 0) -> bool:
        """Say whether ``size`` more bytes fit, and count them as used if they do."""
        try:
            if self._spool.free_bytes() - size < self._min_free_bytes:
                return False
            return not self._max_bytes or self._take_below_ceiling(size)
        except OSError as error:
            log.warning("spool unreachable", reason=error.strerror)
            return False

    def _take_below_ceiling(self, size: int) -> bool:
        with self._lock:
            if time.monotonic() - self._measured_at >= self._measured_for:
                self._used = self._spool.used_bytes()
                self._measured_at = time.monotonic()
            # A spool that is exactly full takes nothing, not even an association.
            if self._used + max(size, 1) > self._max_bytes:
                return False
            self._used += size
            return True
