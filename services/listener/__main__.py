"""Start the listener: ``python -m services.listener``."""

import signal
import sys
import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.listener.bootstrap import Listener
from services.listener.settings import ListenerSettings, ReconcileSettings
from shared.errors import CutisError
from shared.logs import configure_logs
from shared.settings import Settings


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    settings = Settings()
    configure_logs("listener", settings.log_level)
    threading.excepthook = _log_lost_thread
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    try:
        listener = Listener(settings, ListenerSettings(), ReconcileSettings())
        listener.start()
    except CutisError as error:
        structlog.get_logger(__name__).critical(
            "cannot start", code=error.code, reason=error.reason
        )
        return 1
    except SQLAlchemyError as error:
        structlog.get_logger(__name__).critical(
            "cannot start", code="database", reason=type(error).__name__
        )
        return 1
    # Wake up now and then: a wait without end has missed signals that another thread took.
    while not asked_to_stop.wait(timeout=0.5):
        pass
    listener.stop()
    return 0


def _log_lost_thread(lost: threading.ExceptHookArgs) -> None:
    # pynetdicom's threads die of hostile bytes; the book is put straight by the heartbeat.
    structlog.get_logger(__name__).warning("thread lost", reason=lost.exc_type.__name__)


if __name__ == "__main__":
    sys.exit(main())
