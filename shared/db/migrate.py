"""Migrate: bring the database to the shape this version needs. ``python -m shared.db.migrate``.

Migrations only add (expand), so a version works on the schema of the release after it: while an
upgrade rolls out, and after it was taken back. What a release no longer uses, the next one removes.
"""

from enum import Enum, auto
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from shared.db.engine import Database
from shared.settings import Settings


class Shape(Enum):
    """What the schema is to this version."""

    OLDER = auto()
    OURS = auto()
    NEWER = auto()


def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade the schema to ``revision``; nothing happens when it is there already, or newer."""
    config = _config()
    with database.engine.begin() as connection:
        if _shape(connection) is Shape.NEWER:
            return
        if connection.dialect.name == "postgresql":  # may take long on large tables
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def fits(database: Database) -> bool:
    """Say whether this version can work with the schema: it is its own, or a newer one's."""
    return shape(database) is not Shape.OLDER


def shape(database: Database) -> Shape:
    """Say what the schema is to this version; one that is not there is older."""
    with database.engine.connect() as connection:
        return _shape(connection)


def _shape(connection: Connection) -> Shape:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    there = MigrationContext.configure(connection).get_current_revision()
    if there == head:
        return Shape.OURS
    # Our revisions are counted: 0001, 0002, … What is no number is no schema of ours.
    later = head is not None and there is not None and there.isdigit() and int(there) > int(head)
    return Shape.NEWER if later else Shape.OLDER


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


if __name__ == "__main__":
    migrate(Database(Settings().database_address()))
