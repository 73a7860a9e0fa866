"""Start the dispatcher: ``python -m services.dispatcher``."""

import signal
import threading

from services.dispatcher.audit import AuditRelay
from services.dispatcher.bootstrap import bootstrap
from services.dispatcher.settings import DispatcherSettings
from shared.audit.channels import channels
from shared.audit.settings import AuditSettings
from shared.db.engine import Database
from shared.heart import Heart
from shared.logs import configure_logs
from shared.settings import Settings

_AUDIT_SECONDS = 1.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    configure_logs("dispatcher", settings.log_level)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    dispatcher, audit = bootstrap(settings, DispatcherSettings()), AuditSettings()
    relay = AuditRelay(Database(settings.database_address()), channels(audit), audit.settle_seconds)
    with Heart(relay.beat, _AUDIT_SECONDS, "audit"):
        dispatcher.run(stop)


if __name__ == "__main__":
    main()
