"""Refusals: keys and tokens that were not known, as events for the audit trail."""

import threading
import time
from collections import OrderedDict

import structlog

from shared.db.engine import Database
from shared.db.events import record_event

log = structlog.get_logger()

_QUIET_SECONDS = 60.0
_MOST_ADDRESSES = 1000


class Refusals:
    """Writes one event per address and minute: who tries all day must not fill the table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, address: str) -> None:
        """Remember that somebody at ``address`` showed a key that is not known."""
        now = time.monotonic()
        with self._lock:
            if now - self._last.pop(address, -_QUIET_SECONDS) < _QUIET_SECONDS:
                self._last[address] = now
                return
            self._last[address] = now
            if len(self._last) > _MOST_ADDRESSES:
                self._last.popitem(last=False)
        log.warning("key_refused", peer_address=address)
        with self._database.write() as session:
            record_event(session, "KeyRefused", peer_address=address, reason="unknown API key")
