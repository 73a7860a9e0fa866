"""Reconcile: fetch from Orthanc what it has and never sent us.

Orthanc keeps "stable" in memory, tries a failed route only once and stops it at the first failure
status: a listener that was down, or an Orthanc that was killed, loses studies without a word. So
its change log is followed from a position in the database, the studies of the last days are
compared in full now and then, and what we do not know after a grace time is pulled.
"""

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.listener.budget import Budget
from services.listener.pull import Puller, Selection
from services.listener.settings import ListenerSettings, ReconcileSettings
from services.listener.storage import InstanceStore
from shared.db import pacs as book
from shared.db.engine import Database, clock
from shared.db.ingest import Sender
from shared.errors import ONE_FAILED, CutisError, ResourceError
from shared.orthanc import HeldInstance, Orthanc
from shared.settings import PacsSettings

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""Instances that are looked at in one go."""

# Orthanc's times are UTC or local, depending on its version.
_TIME_ZONES = timedelta(hours=14)


def make_reconciler(
    settings: ReconcileSettings,
    pacs: PacsSettings,
    listener: ListenerSettings,
    *,
    database: Database,
    store: InstanceStore,
    budget: Budget | None = None,
) -> "Reconciler":
    """Put a reconciler together; what it pulls is written down as coming from the archive.

    The archive's AE title stands as the caller, so that site rules hold for it as for what it
    sends; called is ``(reconciler)``, which no AE title can be.
    """
    orthanc = Orthanc(pacs, settings.url)
    sender = Sender(
        calling_ae_title=pacs.ae_title,
        called_ae_title="(reconciler)",
        peer_address=urlsplit(settings.url).hostname or "",
    )
    return Reconciler(
        orthanc=orthanc,
        database=database,
        puller=Puller(
            orthanc=orthanc,
            database=database,
            store=store,
            sender=sender,
            listener=listener.listener_name(),
            budget=budget or Budget(listener.memory_bytes),
        ),
        selection=Selection(
            modalities=settings.modalities,
            ae_titles=settings.ae_titles,
            max_bytes=listener.max_instance_bytes,
        ),
        settings=settings,
    )


class Reconciler:
    """Pulls from one Orthanc into one store; a second one beside it only finds duplicates."""

    def __init__(
        self,
        *,
        orthanc: Orthanc,
        database: Database,
        puller: Puller,
        selection: Selection,
        settings: ReconcileSettings,
    ) -> None:
        self._orthanc = orthanc
        self._database = database
        self._puller = puller
        self._selection = selection
        self._own = settings
        self.pacs = settings.pacs_name()
        self._grace = timedelta(seconds=settings.grace_seconds)

    def run(self, stopping: threading.Event) -> None:
        """Reconcile until ``stopping``; while Orthanc is away, ask it less and less often."""
        pause = self._own.seconds
        while not stopping.is_set():
            try:
                self.reconcile(stopping)
                pause = self._own.seconds
            except CutisError as error:
                pause = self._longer(pause)
                log.warning("reconcile waits", code=error.code, reason=error.reason, seconds=pause)
            except (SQLAlchemyError, LookupError, TypeError, ValueError) as error:
                # The text may quote a row or an answer: the class says enough.
                pause = self._longer(pause)
                log.warning("reconcile waits", reason=type(error).__name__, seconds=pause)
            stopping.wait(pause)

    def reconcile(self, stopping: threading.Event) -> None:
        """Follow the change log, compare if it is time, pull what is due."""
        self._follow(stopping)
        if self._comparison_is_due():
            self._compare(stopping)
        with self._puller as puller:
            self._pull_due(puller, stopping)
            self._restore_sources(puller, stopping)
        if not stopping.is_set():
            with self._database.write() as session:
                book.save_pass(session, self.pacs)

    def _follow(self, stopping: threading.Event) -> None:
        with self._database.read() as session:
            known = book.position(session, self.pacs)
        since = self._start_over() if known is None else known.change
        while not stopping.is_set():
            page = self._orthanc.changes(since)
            if page.last < since:  # another index than the one we knew
                self._start_over()
                return
            with self._database.write() as session:
                book.await_instances(session, self.pacs, page.instances, self._grace)
                book.save_position(session, self.pacs, page.last)
            if page.done:
                return
            since = page.last

    def _start_over(self) -> int:
        # From now on; a hospital's whole past is not ours to pull, the last days are compared.
        last = self._orthanc.last_change()
        with self._database.write() as session:
            book.save_position(session, self.pacs, last)
            session.flush()
            book.forget_comparison(session, self.pacs)
        log.info("reconcile starts", pacs=self.pacs, change=last)
        return last

    def _comparison_is_due(self) -> bool:
        with self._database.read() as session:
            known = book.position(session, self.pacs)
            now = clock(session)
        if known is None or known.compared_at is None:
            return True
        return now - known.compared_at >= timedelta(seconds=self._own.compare_seconds)

    def _compare(self, stopping: threading.Event) -> None:
        moment = datetime.now(UTC) - timedelta(days=self._own.days) - _TIME_ZONES
        missing, failed = 0, 0
        for study in self._orthanc.studies_updated_since(moment):
            if stopping.is_set():
                return
            try:
                held = self._orthanc.instances_of(study)
            except ONE_FAILED as error:
                failed += 1
                self._pass_over(error, what="study", pacs_id=study)
                continue
            with self._database.read() as session:
                known = book.known_instances(session, held.values())
            unknown = [name for name, uid in held.items() if uid not in known]
            if unknown:
                missing += len(unknown)
                with self._database.write() as session:
                    book.await_instances(session, self.pacs, unknown, self._grace)
        with self._database.write() as session:
            book.save_comparison(session, self.pacs)
        log.info("reconcile compared", days=self._own.days, unknown=missing, failed=failed)

    def _pull_due(self, puller: Puller, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with self._database.read() as session:
                due = book.due_instances(session, self.pacs, AT_ONCE)
            if not due:
                return
            held = self._describe(due)
            with self._database.read() as session:
                known = book.known_instances(session, [one.sop_instance_uid for one in held])
            new = [one for one in held if one.sop_instance_uid not in known]
            wanted = [one for one in new if self._selection.takes(one)]
            puller.refuse([one for one in new if self._selection.is_too_large(one)])
            with self._database.write() as session:
                rest = set(due) - {one.pacs_id for one in wanted}
                book.settle_instances(session, self.pacs, rest)
            for one in wanted:
                if stopping.is_set():
                    return
                self._pull(puller, one)

    def _describe(self, due: list[str]) -> list[HeldInstance]:
        try:
            return self._orthanc.describe(due)
        except ONE_FAILED as error:
            self._pass_over(error, what="page of instances", pacs_id="")
        found = []
        for pacs_id in due:
            try:
                found += self._orthanc.describe([pacs_id])
            except ONE_FAILED as error:
                self._put_off(error, pacs_id)
        return found

    def _pull(self, puller: Puller, held: HeldInstance) -> None:
        pacs_id = held.pacs_id
        try:
            taken = puller.pull(held)
        except ResourceError:
            with self._database.write() as session:
                book.put_instance_last(session, self.pacs, pacs_id)
            raise  # no room for the others either, most likely
        except ONE_FAILED as error:
            self._put_off(error, pacs_id)
            return
        with self._database.write() as session:
            if taken:
                book.settle_instances(session, self.pacs, {pacs_id})
            else:
                book.set_instance_aside(session, self.pacs, pacs_id)

    def _restore_sources(self, puller: Puller, stopping: threading.Event) -> None:
        with self._database.read() as session:
            wanted = book.removed_sources(session)
        for uid, digests in wanted.items():
            if stopping.is_set():
                return
            try:
                name = self._orthanc.find(uid)
                if name is not None:
                    puller.restore(name, *digests)
            except ONE_FAILED as error:
                self._pass_over(error, what="source", pacs_id="")

    def _put_off(self, error: Exception, pacs_id: str) -> None:
        # First this one, then the question: an instance that makes Orthanc fall over comes later.
        with self._database.write() as session:
            book.put_instance_off(session, self.pacs, pacs_id)
        self._pass_over(error, what="instance", pacs_id=pacs_id)

    def _pass_over(self, error: Exception, *, what: str, pacs_id: str) -> None:
        """Go on after a failure that is about one thing; raise when the archive itself is away."""
        reason = error.reason if isinstance(error, CutisError) else type(error).__name__
        log.warning("reconcile goes on without", what=what, pacs_id=pacs_id, reason=reason)
        self._orthanc.last_change()

    def _longer(self, pause: float) -> float:
        return min(2 * pause, max(self._own.longest_pause_seconds, self._own.seconds))
