"""Retention: the spool gives up what nobody needs any more, by the site's policy.

First the rows forget the files, then the files go: a crash between the two leaves files without a
row, which the search for orphans finds like those of any other crash.
"""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

import structlog

from services.dispatcher.settings import RetentionSettings
from shared.db.engine import Database
from shared.db.retention import (
    needed_files,
    needed_job_files,
    release_findings,
    release_instances,
    release_quarantine,
    release_results,
)
from shared.spool import Spool

log = structlog.get_logger()

AT_ONCE = 200
"""Studies, jobs, results or files that one transaction is about: none of them takes long."""

FRESH_SECONDS = 600.0
"""A file written so lately belongs to whoever wrote it: the same image may arrive again."""


class Retention:
    """Removes files of one spool; a second one beside it is harmless."""

    def __init__(self, database: Database, spool: Spool, settings: RetentionSettings) -> None:
        self._database = database
        self._spool = spool
        self._own = settings
        self._swept_at = float("-inf")
        self._searched_at = time.monotonic()

    def sweep_if_due(self) -> None:
        """Do what is due; a spool that cannot be reached is tried again the next time."""
        if time.monotonic() - self._swept_at < self._own.sweep_seconds:
            return
        try:
            self.sweep()
            if time.monotonic() - self._searched_at >= self._own.search_seconds:
                self.remove_orphans()
                self._searched_at = time.monotonic()
        except OSError as error:
            log.warning("retention_failed", reason=error.strerror)
        self._swept_at = time.monotonic()

    def sweep(self) -> None:
        """Remove what the policy allows, at most ``AT_ONCE`` of each kind."""
        own = self._own
        if own.instances_hours:
            with self._database.write() as session:
                keys = release_instances(session, timedelta(hours=own.instances_hours), AT_ONCE)
            self._remove("instances", keys)
        if own.quarantine_hours:
            with self._database.write() as session:
                keys = release_quarantine(session, timedelta(hours=own.quarantine_hours), AT_ONCE)
            self._remove("quarantine", keys)
        if own.results_hours:
            with self._database.write() as session:
                keys = release_results(session, timedelta(hours=own.results_hours), AT_ONCE)
            self._remove("results", keys)
        if own.findings_hours:
            with self._database.write() as session:
                jobs = release_findings(session, timedelta(hours=own.findings_hours), AT_ONCE)
            for job_id in jobs:
                self._remove_findings(job_id)

    def remove_orphans(self) -> int:
        """Remove old files that no row knows; return how many. Nobody was told that we have them.

        They are left by a crash between a file's rename and its row's commit (the sender had no
        Success and sends again), by abandoned attempts, or by a removal that did not end.
        """
        if not self._own.orphans_hours:
            return 0
        removed = 0
        for keys in _in_lots(self._old_files("instances", "quarantine")):
            with self._database.read() as session:
                removed += self._remove("orphans", keys - needed_files(session, keys))
        for keys in _in_lots(self._old_files("jobs")):
            with self._database.read() as session:
                removed += self._remove("orphans", keys - needed_job_files(session, keys))
        return removed

    def _old_files(self, *areas: str) -> Iterator[str]:
        before = time.time() - 3600 * self._own.orphans_hours
        for area in areas:
            for one in self._spool.files(area):
                if one.modified < before and one.key.count("/") >= 2:
                    yield one.key

    def _remove(self, area: str, keys: Iterable[str]) -> int:
        removed = 0
        for key in keys:
            removed += self._spool.remove_old(key, FRESH_SECONDS)
            if key.startswith("jobs/"):
                self._remove_empty(key)
        if removed:
            log.info("retention_removed", area=area, files=removed)
        return removed

    def _remove_findings(self, job_id: str) -> None:
        folder = self._spool.path(f"jobs/{job_id}")
        if folder.is_dir():
            for attempt in [one for one in folder.iterdir() if one.name != "results"]:
                shutil.rmtree(attempt, ignore_errors=True)
            self._remove_empty(f"jobs/{job_id}/results/-")
        log.info("retention_removed", area="findings", job_id=job_id)

    def _remove_empty(self, key: str) -> None:
        # A folder that something was put into meanwhile is not empty, and stays.
        for folder in (self._spool.path(key).parent, self._spool.path(key).parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _in_lots(keys: Iterator[str]) -> Iterator[set[str]]:
    while lot := set(islice(keys, AT_ONCE)):
        yield lot
