from pathlib import Path

from shared.db.engine import Database
from shared.db.wait import wait_for_schema
from tests.database import sqlite_database


def test_a_schema_that_is_there_is_not_waited_for(tmp_path: Path) -> None:
    with sqlite_database(tmp_path) as database:
        assert wait_for_schema(database, 0)


def test_a_database_without_our_schema_is_given_up_on_in_the_end(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    try:
        assert not wait_for_schema(database, 0)
    finally:
        database.dispose()
