"""Wait: until the schema is this version's, or a newer one's. ``python -m shared.db.wait SECONDS``.

What starts beside the migration waits with it: exit status 1 when the time is over.
"""

import sys
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.db.engine import Database
from shared.db.migrate import fits
from shared.logs import configure_logs
from shared.settings import Settings

_PAUSE_SECONDS = 2.0


def wait_for_schema(database: Database, seconds: float) -> bool:
    """Say whether this version can work with the schema, at the latest after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not _is_there(database):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _is_there(database: Database) -> bool:
    try:
        return fits(database)
    except SQLAlchemyError as error:
        structlog.get_logger().info("database_not_there_yet", error=type(error).__name__)
        return False


if __name__ == "__main__":
    settings = Settings()
    configure_logs("wait", settings.log_level)
    opened = Database(settings.database_address())
    sys.exit(not wait_for_schema(opened, float(sys.argv[1])))
