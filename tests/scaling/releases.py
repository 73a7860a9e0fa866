"""Releases: this version of Cutis, and a next one with another schema, side by side on disk."""

import shutil
import subprocess
import sys
from pathlib import Path

_SOURCE = Path(__file__).parents[2]
_FOLDERS = ("shared", "services", "workers", "deploy")
_TABLES = ("instance", "job", "attempt")
"""Written by the listener, by the dispatcher, and by worker and writer."""

NEXT = "next"
BEFORE = "before"

_MIGRATION = '''"""A migration of a release that is only tested with."""

from alembic import op
from sqlalchemy import Column, String

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    for table in {tables}:
        {change}
'''
_EXPAND = 'op.add_column(table, Column("release", String(), nullable=True))'
_CONTRACT = (
    f"op.execute(f\"UPDATE {{table}} SET release = '{BEFORE}' WHERE release IS NULL\")\n"
    '        op.alter_column(table, "release", nullable=False)'
)

# Programs take the release that is current when they start, and keep it: a link on the path
# itself would give a running one the modules of another release where it imports late.
_AT_START = """import os, sys
sys.path.insert(0, os.path.realpath({current!r}))
"""


class Releases:
    """Both releases in ``folder``; programs that are started with ``environment`` run the current.

    The next release adds a column to three tables and writes it. The one after that makes it
    mandatory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("this", NEXT):
            for part in _FOLDERS:
                shutil.copytree(_SOURCE / part, folder / name / part)
        tables = folder / NEXT / "shared" / "db" / "tables.py"
        text = tables.read_text()
        for table in _TABLES:
            line = f'    __tablename__ = "{table}"\n'
            assert text.count(line) == 1, f"no table {table}"
            column = f'    release: Mapped[str | None] = mapped_column(default="{NEXT}")\n'
            text = text.replace(line, line + column)
        tables.write_text(text)
        self._add_migration(_EXPAND)
        (folder / "path").mkdir()
        at_start = _AT_START.format(current=str(folder / "current"))
        (folder / "path" / "sitecustomize.py").write_text(at_start)
        (folder / "current").symlink_to("this")

    @property
    def environment(self) -> dict[str, str]:
        """What a program has to be started with."""
        return {"PYTHONPATH": str(self._folder / "path"), "PYTHONSAFEPATH": "1"}

    def migrate(self, url: str) -> None:
        """Bring the database to the schema of the next release, as its operator would."""
        subprocess.run(
            [sys.executable, "-m", "shared.db.migrate"],
            check=True,
            cwd=self._folder / NEXT,
            env={"CUTIS_DATABASE_URL": url, "PYTHONPATH": str(self._folder / NEXT)},
        )

    def switch(self) -> None:
        """What starts from now on is of the next release."""
        (self._folder / "coming").symlink_to(NEXT)
        (self._folder / "coming").replace(self._folder / "current")

    def contract(self) -> None:
        """Add the migration that the next release but one brings."""
        self._add_migration(_CONTRACT)

    def _add_migration(self, change: str) -> None:
        versions = self._folder / NEXT / "shared" / "db" / "migrations" / "versions"
        head = max(int(one.name[:4]) for one in versions.glob("[0-9]*.py"))
        (versions / f"{head + 1:04}_{NEXT}.py").write_text(
            _MIGRATION.format(
                revision=f"{head + 1:04}", before=f"{head:04}", tables=_TABLES, change=change
            )
        )
