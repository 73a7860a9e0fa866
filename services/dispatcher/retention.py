"""Retention: the spool gives up what nobody needs any more, by the site's policy.

First the rows forget the files, then the files go: a crash between the two leaves files without a
row, which the search for orphans finds like those of any other crash.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from services.dispatcher.settings import RetentionSettings
from shared.db.engine import Database
from shared.db.retention import (
    forget_lost_sources,
    known_files,
    needed_files,
    needed_job_files,
    release_findings,
    release_instances,
    release_messages,
    release_quarantine,
    release_results,
)
from shared.spool import Spool

log = structlog.get_logger()

AT_ONCE = 200
"""Studies, jobs, results or files that one transaction is about: none of them takes long."""

MESSAGES_AT_ONCE = 2000

FEW = 20
"""So many files that the database never knew are no reason to doubt that it is the right one."""


class Retention:
    """Removes files of one spool; a second one beside it is harmless."""

    def __init__(self, database: Database, spool: Spool, settings: RetentionSettings) -> None:
        self._database = database
        self._spool = spool
        self._own = settings

    def run(self, stop: threading.Event) -> None:
        """Sweep until ``stop``; a spool or database that is away is tried again the next time."""
        searched_at, put_back = time.monotonic(), False
        while not stop.is_set():
            try:
                if not put_back:
                    self.put_back()
                    put_back = True
                self.sweep()
                if time.monotonic() - searched_at >= self._own.search_seconds:
                    self.put_back()
                    self.remove_orphans()
                    searched_at = time.monotonic()
            except (OSError, SQLAlchemyError) as error:
                log.warning("retention_failed", reason=type(error).__name__)
            stop.wait(self._own.sweep_seconds)

    def sweep(self) -> None:
        """Remove what the policy allows, at most ``AT_ONCE`` of each kind."""
        own = self._own
        for kind, hours, release in (
            ("instances", own.instances_hours, release_instances),
            ("quarantine", own.quarantine_hours, release_quarantine),
            ("results", own.results_hours, release_results),
        ):
            self._remove(kind, self._released(hours, release))
        for key in self._released(own.findings_hours, release_findings):
            self._remove_findings(key)
        if own.messages_hours:
            with self._database.write() as session:
                release_messages(session, timedelta(hours=own.messages_hours), MESSAGES_AT_ONCE)
        self.forget_lost()

    def forget_lost(self) -> None:
        """Have images that a waiting job needs and whose files are gone brought again.

        Not where the spool itself is gone: a volume that is not mounted has every file still.
        """
        if not self._spool.is_marked():
            return
        with self._database.write() as session:
            lost = forget_lost_sources(session, lambda key: self._spool.path(key).is_file())
        if lost:
            log.error("sources_lost", files=lost)

    def _released(
        self, hours: float, release: Callable[[Session, timedelta, int], list[str]]
    ) -> list[str]:
        if not hours:
            return []
        with self._database.write() as session:
            return release(session, timedelta(hours=hours), AT_ONCE)

    def put_back(self) -> None:
        """Put back what a removal took that did not end, where a row needs it after all.

        A listener may have written the file anew just when it was removed; it is put back at
        once then, but not by a process that was killed at that moment.
        """
        for area, needed in _NEEDED:
            for aside in _in_lots(self._spool.files_aside(area)):
                with self._database.read() as session:
                    wanted = needed(session, {key for _, key in aside})
                for name, key in aside:
                    if key in wanted:
                        self._spool.put_back(name, key)
                        log.warning("file_put_back", key=key)

    def remove_orphans(self) -> int:
        """Remove old files that no row knows; return how many. Nobody was told that we have them.

        They are left by a crash between a file's rename and its row's commit (the sender had no
        Success and sends again), by abandoned attempts, or by a removal that did not end.

        Where most files are of no image and no job that this database ever knew, it is not the
        database of this spool (a wrong address, an empty one, an old backup): nothing is removed.
        """
        if not self._own.orphans_hours:
            return 0
        orphans: set[str] = set()
        known, strange = 0, 0
        for area, needed in _NEEDED:
            for keys in _in_lots(self._old_files(area)):
                with self._database.read() as session:
                    unneeded = keys - needed(session, keys)
                    ours = known_files(session, unneeded)
                orphans |= unneeded
                strange += len(unneeded) - len(ours)
                known += len(keys) - len(unneeded) + len(ours)
        if strange > max(FEW, known):
            log.error("retention_refused", files_no_row_ever_knew=strange, files_known=known)
            return 0
        return self._remove("orphans", orphans)

    def _old_files(self, area: str) -> Iterator[str]:
        before = time.time() - 3600 * self._own.orphans_hours
        for one in self._spool.files(area):
            if one.modified < before and one.key.count("/") >= 2:
                yield one.key

    def _remove(self, area: str, keys: Iterable[str]) -> int:
        removed = 0
        for key in keys:
            removed += self._spool.remove_old(key)
            if key.startswith("jobs/"):
                self._remove_empty(key)
        if removed:
            log.info("retention_removed", area=area, files=removed)
        return removed

    def _remove_findings(self, key: str) -> None:
        # Attempts that lost their lease left folders of their own: the search for orphans has them.
        shutil.rmtree(self._spool.path(key), ignore_errors=True)
        self._remove_empty(f"{key}/-")
        log.info("retention_removed", area="findings", key=key)

    def _remove_empty(self, key: str) -> None:
        # A folder that something was put into meanwhile is not empty, and stays.
        for folder in (self._spool.path(key).parent, self._spool.path(key).parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()


_NEEDED = (
    ("instances", needed_files),
    ("quarantine", needed_files),
    ("jobs", needed_job_files),
)
"""The areas of the spool, and who knows which of their files somebody needs."""

Item = TypeVar("Item")


def _in_lots(items: Iterator[Item]) -> Iterator[set[Item]]:
    while lot := set(islice(items, AT_ONCE)):
        yield lot
