"""Migrate: bring the database to the shape this version needs. ``python -m shared.db.migrate``."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db.engine import Database
from shared.settings import Settings


def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade the schema to ``revision``; nothing happens when it is there already."""
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_current(database: Database) -> bool:
    """Say whether the database has the shape this version needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


if __name__ == "__main__":
    migrate(Database(Settings().database_address()))
