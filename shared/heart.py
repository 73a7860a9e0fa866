"""Heart: a thread that repeats one short action until it is stopped."""

import threading
from collections.abc import Callable
from types import TracebackType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.vital import vital_thread

log = structlog.get_logger()


class Heart:
    """Call ``beat`` every ``seconds`` from a thread of its own, first at once.

    A database error is logged and the next beat tries again: what depends on the beat (a lease,
    a last-seen time) runs out by itself if the database stays away. Any other error ends the
    process.
    """

    def __init__(self, beat: Callable[[], None], seconds: float, name: str) -> None:
        self._beat = beat
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = vital_thread(self._run, name=name, stopping=self._stop)

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat()
            except SQLAlchemyError as error:
                log.warning("heartbeat_failed", heart=self._thread.name, error=str(error.code))
            self._stop.wait(self._seconds)
