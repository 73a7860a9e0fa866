"""Start the API: ``python -m services.api``."""

import sys

import structlog

from services.api.bootstrap import serve
from services.api.settings import ApiSettings
from shared.errors import CutisError
from shared.logs import configure_logs
from shared.settings import Settings


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    settings = Settings()
    configure_logs("api", settings.log_level)
    try:
        serve(settings, ApiSettings())
    except CutisError as error:
        structlog.get_logger().critical("cannot_start", code=error.code, reason=error.reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
