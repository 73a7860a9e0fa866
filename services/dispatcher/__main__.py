"""Start the dispatcher: ``python -m services.dispatcher``."""

import signal
import threading

from services.dispatcher.bootstrap import bootstrap
from services.dispatcher.settings import DispatcherSettings
from shared.logs import configure_logs
from shared.settings import Settings


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs("dispatcher", settings.log_level)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    bootstrap(settings, DispatcherSettings()).run(stop)


if __name__ == "__main__":
    main()
