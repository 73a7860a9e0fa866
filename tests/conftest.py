"""Fixtures every test may use: a database on SQLite and on PostgreSQL, a spool."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.migrate import migrate
from shared.spool import Spool
from tests.database import postgresql_url, sqlite_database


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="cutis-pg-") as folder:
        Path(folder).chmod(0o755)
        with postgresql_url(Path(folder) / "data") as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give an empty, migrated database; the test runs once on each kind."""
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as opened:
            yield opened
        return
    opened = Database(request.getfixturevalue("postgresql"))
    with opened.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Report known open defects as such: see known_failures.yaml, which should be empty."""
    path = Path(__file__).with_name("known_failures.yaml")
    known = {one["test"]: one["reason"] for one in yaml.safe_load(path.read_text()) or ()}
    for item in items:
        if item.nodeid in known:
            item.add_marker(pytest.mark.xfail(reason=known[item.nodeid], strict=False))
