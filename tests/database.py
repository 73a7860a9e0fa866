"""Databases for tests: SQLite, and a real PostgreSQL where one can be started."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pgserver

from shared.db.engine import Database
from shared.db.migrate import migrate


@contextmanager
def sqlite_database(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'cutis.db'}")
    migrate(database)
    yield database
    database.dispose()


@contextmanager
def postgresql_url(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL of our own (the pgserver package carries one) and give its URL."""
    # pgserver drops root to a user of its own, which must be able to enter the folder.
    server = pgserver.get_server(  # type: ignore[attr-defined]
        folder, cleanup_mode="stop"
    )
    try:
        uri: str = server.get_uri()
        yield uri.replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
