"""Leftovers: what lost attempts left on the spool goes, and nothing else does."""

import os
import time
from pathlib import Path

from sqlalchemy import select

from services.dispatcher.retention import Retention
from services.dispatcher.settings import RetentionSettings
from shared.db.engine import Database
from shared.db.tables import Instance, Job, QuarantinedInstance, Result
from shared.spool import MARK, Spool
from tests.chaos.books import Books

_LONG_AGO_SECONDS = 7 * 24 * 3600.0


def remove_leftovers(books: Books, database: Database, root: Path) -> None:
    """Let everything be a week old, have retention search for orphans, and check the spool."""
    spool = Spool(root)
    long_ago = time.time() - _LONG_AGO_SECONDS
    for one in list(spool.files("")):
        os.utime(spool.path(one.key), (long_ago, long_ago))
    needed, folders = _needed(database)
    retention = Retention(database, spool, RetentionSettings(orphans_hours=24))
    books.counts["orphaned files, removed"] = retention.remove_orphans()
    left = {one.key for one in spool.files("")} - {MARK}
    books.check("removed, but needed", sorted(needed - left))
    books.check("findings removed, but needed", [one for one in folders if not _has(left, one)])
    owned = {key for key in left if key in needed or _folder(key) in folders}
    books.check("orphans that stayed", sorted(left - owned))
    empty = [one for one in root.glob("jobs/*/*") if not any(one.iterdir())]
    books.check("empty folders that stayed", [str(one.relative_to(root)) for one in empty])


def _needed(database: Database) -> tuple[set[str], set[str]]:
    """Return the files that rows name, and the folders of findings that jobs name."""
    files: set[str] = set()
    with database.read() as session:
        for table in (Instance, QuarantinedInstance, Result):
            files |= {key for key in session.scalars(select(table.spool_key)) if key}
        return files, {key for key in session.scalars(select(Job.findings_key)) if key}


def _has(files: set[str], folder: str) -> bool:
    return any(_folder(key) == folder for key in files)


def _folder(key: str) -> str:
    return key.rpartition("/")[0]
