"""Engine: one way to open the database, safe on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

_READ_ONLY = "cutis_read_only"

# libpq's: a server that fell silent (a failover, a stopped machine) is given up after a minute; TCP
# alone would wait for a quarter of an hour, or for ever where nothing is on its way.
_PATIENCE = {
    "connect_timeout": 10,  # s
    "keepalives_idle": 20,  # s
    "keepalives_interval": 10,  # s
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,  # ms
}
_LONGEST_STATEMENT = "5min"
"""What takes longer, waiting for a lock, say, is ended by the server; migrations are not."""


class Database:
    """A database by URL. ``write`` and ``read`` give a session that ends with its block."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        self._reader = self.engine.execution_options(**{_READ_ONLY: True})

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction; it commits at the end of the block or rolls back on any error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a read-only view; it never blocks writers."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def clock(session: Session) -> datetime:
    """Return the database's clock (UTC): leases never depend on a worker's clock."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)  # one machine: the file has no clock of its own
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)


def _make_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # What the address itself says goes first.
        patience = {key: value for key, value in _PATIENCE.items() if key not in parsed.query}
        engine = create_engine(url, pool_pre_ping=True, connect_args=patience)
        if "options" not in parsed.query:
            event.listen(engine, "connect", _bound_statements)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _bound_statements(connection: Any, _record: object) -> None:
    # Not an option of the connection: poolers such as PgBouncer refuse those.
    connection.execute(f"SET statement_timeout = '{_LONGEST_STATEMENT}'")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN is deferred: two readers that both go on to write lose one update
    # without an error. Autocommit here, and _begin_sqlite opens every transaction by hand.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
