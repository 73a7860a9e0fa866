"""Absence reporter: tells the PACS about studies that were not analysed, where a site wants it.

It has no job and no message: it reads what ended, writes one report, and records that it did. A
report that was stored and not recorded is found in the PACS the next time, by its derived UID.
"""

import structlog

from services.writer.absence import build_absence
from services.writer.store import store_result
from shared.db.absences import absences_of, due_revisions, record_considered
from shared.db.engine import Database, clock
from shared.errors import AwayError, CutisError, TransientError
from shared.pacs import Pacs
from shared.spool import Spool

log = structlog.get_logger()


class AbsenceReporter:
    """Looks at settled studies; a second one beside it is harmless."""

    def __init__(self, database: Database, spool: Spool, pacs: Pacs, wait_seconds: float) -> None:
        self._database = database
        self._spool = spool
        self._pacs = pacs
        self._wait_seconds = wait_seconds

    def sweep(self) -> None:
        """Report on every study that is due; what fails transiently is due again."""
        with self._database.read() as session:
            due = due_revisions(session, self._wait_seconds)
        for revision_id in due:
            try:
                self._report(revision_id)
            except AwayError as error:
                log.warning("absence_delayed", code=error.code)
                return
            except TransientError as error:
                log.warning("absence_delayed", revision_id=revision_id, code=error.code)

    def _report(self, revision_id: int) -> None:
        with self._database.read() as session:
            considered_at = clock(session)
            absences = absences_of(session, revision_id)
        told, code, reason = None, "", ""
        if absences:
            try:
                paths = [self._spool.path(one.spool_key) for one in absences]
                built = build_absence(absences, paths)
                store_result(self._pacs, built)
                told = built.sop_instance_uid
            except TransientError:
                raise
            except CutisError as error:
                code, reason = error.code, error.reason
                log.warning("absence_not_reported", revision_id=revision_id, code=code)
        with self._database.write() as session:
            record_considered(
                session,
                revision_id,
                considered_at,
                sop_instance_uid=told,
                code=code,
                reason=reason,
            )
        if told:
            log.info("absence_reported", revision_id=revision_id, sop_instance_uid=told)
