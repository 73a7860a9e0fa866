"""Fixtures every test may use: a database on SQLite and on PostgreSQL, a spool."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from shared.db.engine import Database
from shared.db.migrate import migrate
from shared.spool import Spool
from tests.database import postgresql_url, sqlite_database

# pynetdicom brings programs named storescu and echoscu. In an activated environment they would
# stand before dcmtk's, and it is other people's programs that the tests mean to ask.
os.environ["PATH"] = os.pathsep.join(
    one for one in os.get_exec_path() if Path(one) != Path(sys.executable).parent
)


# These start whole pipelines, and mostly wait for them: one at a time, on one of the two processes
# that share the tests under `make test`, while the other does the rest.
ONE_AT_A_TIME = "tests/integration/"


class ServersTogether(LoadScopeScheduling):  # type: ignore[misc] # comes without types
    """Keeps each file's tests together, and those with servers all together."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ONE_AT_A_TIME):
            return "servers"
        return nodeid.split("::", maxsplit=1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ServersTogether:
    return ServersTogether(config, log)


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
