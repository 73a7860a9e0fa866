"""Released: quarantined bytes that an operator let go are taken in once more."""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.listener.storage import InstanceStore
from shared.db.engine import Database
from shared.db.ingest import Sender
from shared.db.quarantine import end_release, hold_again, list_released
from shared.db.tables import QuarantinedInstance
from shared.errors import BadInputError, ResourceError
from shared.spool import Spool

log = structlog.get_logger(__name__)


class ReleasedInstances:
    """Takes in what was released; what still cannot be accepted is held again, with its reason.

    Worth an operator's while after an upgrade or a change of settings: the guard of today judges.
    """

    def __init__(
        self, database: Database, spool: Spool, store: InstanceStore, ae_title: str
    ) -> None:
        self._database = database
        self._spool = spool
        self._store = store
        self._ae_title = ae_title

    def run(self, stopping: threading.Event, pause_seconds: float) -> None:
        """Look again and again until ``stopping`` is set."""
        while not stopping.wait(pause_seconds):
            try:
                self.take_all()
            except SQLAlchemyError as error:
                log.warning("released instances wait", reason=type(error).__name__)

    def take_all(self) -> None:
        """Take in every released instance; one that cannot be now stays released for the next look.

        Raises
        ------
        SQLAlchemyError
            The database does not answer.
        """
        with self._database.read() as session:
            rows = list_released(session)
        for row in rows:
            try:
                self._take(row)
            except (OSError, ResourceError, SQLAlchemyError) as error:
                name = type(error).__name__
                log.warning("released instance waits", sha256=row.sha256, reason=name)

    def _take(self, row: QuarantinedInstance) -> None:
        sender = Sender(
            calling_ae_title=row.calling_ae_title,
            called_ae_title=self._ae_title,
            peer_address=row.peer_address,
        )
        try:
            self._store.take_again(self._content(row), sender)
        except BadInputError as error:
            with self._database.write() as session:
                moved = hold_again(session, row.id, code=error.code, reason=error.reason)
            if moved:
                log.warning("instance held again", sha256=row.sha256, code=error.code)
            return
        with self._database.write() as session:
            copy = end_release(session, row.id)
        if copy is not None:
            # The same bytes may have been set aside again a moment ago: those are not ours.
            self._spool.remove_old(copy)
        log.info("instance taken from quarantine", sha256=row.sha256)

    def _content(self, row: QuarantinedInstance) -> bytes:
        try:
            return self._spool.path(row.spool_key or "").read_bytes()
        except FileNotFoundError as error:
            if not self._spool.path("quarantine").is_dir():
                raise ResourceError("the spool is not there", code="spool") from error
            raise BadInputError("its bytes left the spool", code="gone") from error
