from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from sqlalchemy import event, select, text

from shared.db.engine import Database, clock
from shared.db.migrate import Shape, fits, migrate, shape
from shared.db.refusals import record_refusal
from shared.db.tables import RefusedSender
from tests.database import sqlite_database
from tests.shared.db.rows import SENDER


def test_concurrent_read_modify_write_loses_no_update(database: Database) -> None:
    with database.write() as session:
        record_refusal(session, SENDER, "counted")

    def count_up(_: int) -> None:
        with database.write() as session:
            row = session.scalars(select(RefusedSender).with_for_update()).one()
            row.count += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(80)))

    with database.read() as session:
        assert session.scalars(select(RefusedSender.count)).one() == 81


def test_migrating_twice_is_harmless(database: Database) -> None:
    migrate(database)
    assert shape(database) is Shape.OURS


def test_a_schema_before_its_last_migration_is_older(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    try:
        assert shape(database) is Shape.OLDER
        migrate(database, "0001")
        assert shape(database) is Shape.OLDER
        assert not fits(database)
    finally:
        database.dispose()


def test_a_schema_of_a_later_release_is_left_alone_and_worked_with(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    migrate(database)

    assert shape(database) is Shape.NEWER
    assert fits(database)
    with database.read() as session:
        found = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    assert found == "9999"


def test_sqlite_is_durable_and_in_wal_mode(tmp_path: Path) -> None:
    with sqlite_database(tmp_path) as database, database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2


class _Wrong(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "_Wrong":
        return cls(2099, 1, 1, tzinfo=tz)


def test_a_wrong_clock_of_one_machine_moves_no_lease_on_postgresql(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.db.engine.datetime", _Wrong)
    with database.read() as session:
        wrong = clock(session).year == 2099
    # SQLite is a file on the one machine that writes it, and has no clock of its own.
    assert wrong is (database.engine.dialect.name == "sqlite")


def given_to_the_server(url: str) -> dict[str, object]:
    """Return what a connection to ``url`` would be opened with."""
    found: dict[str, object] = {}

    def connect(_dialect: object, _record: object, _args: object, given: dict[str, object]) -> None:
        found.update(given)
        raise ConnectionAbortedError

    database = Database(url)
    event.listen(database.engine, "do_connect", connect)
    with pytest.raises(ConnectionAbortedError), database.write() as session:
        session.connection()
    database.dispose()
    return found


def test_a_server_that_falls_silent_is_given_up() -> None:
    given = given_to_the_server("postgresql+psycopg://u@127.0.0.1:1/x?keepalives_idle=7")

    assert given["connect_timeout"] == 10
    assert given["tcp_user_timeout"] == 60_000
    assert given["keepalives_idle"] == "7", "the address goes first"


def test_a_statement_that_never_ends_is_ended_by_the_server(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        return  # SQLite has no such setting
    with database.read() as session:
        assert session.execute(text("SHOW statement_timeout")).scalar_one() == "5min"
