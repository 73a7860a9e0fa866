"""Association: the book of who is sending to us, and the DIMSE handlers.

An association is written down before it is accepted and struck out only after its last request
was answered: a study is not complete while somebody may still be sending it.
"""

import threading
import traceback
from pathlib import PurePath
from typing import Any, cast

import structlog
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from sqlalchemy.exc import SQLAlchemyError

from services.listener.admission import DATABASE_DOWN, DISK_SHORT, NOT_DICOM, Admission, Refusal
from services.listener.budget import Budget, Dropped
from services.listener.certificates import certificate_names
from services.listener.complaints import Complaints
from services.listener.guard import TOO_LARGE
from services.listener.instance import StoreRequest
from services.listener.storage import InstanceStore, Status
from shared.db.engine import Database
from shared.db.ingest import (
    Sender,
    close_association,
    close_left_over_associations,
    open_association,
    touch_associations,
)
from shared.db.processes import beat, say_goodbye
from shared.db.refusals import record_refusal, record_refused_instance
from shared.failpoints import failpoint

log = structlog.get_logger(__name__)

ROLE = "listener"


class Associations:
    """The open associations of this listener, in memory and in the database."""

    def __init__(
        self,
        *,
        listener: str,
        admission: Admission,
        database: Database,
        store: InstanceStore,
        complaints: Complaints,
        budget: Budget,
    ) -> None:
        self._listener = listener
        self._admission = admission
        self._database = database
        self._store = store
        self._complaints = complaints
        self._budget = budget
        self._open: dict[Association, tuple[int, Sender]] = {}
        self._refused: set[tuple[Sender, str]] = set()
        self._lock = threading.Lock()

    def handlers(self) -> list[Any]:
        """Return the handlers for pynetdicom."""
        return [
            (evt.EVT_REQUESTED, self.on_requested),
            (evt.EVT_RELEASED, self.on_ended),
            (evt.EVT_ABORTED, self.on_ended),
            (evt.EVT_C_ECHO, self.on_echo),
            (evt.EVT_C_STORE, self.on_store),
        ]

    def on_requested(self, event: Event) -> None:
        """Admit and write down an association, or reject it and write that down."""
        request = event.assoc.requestor.primitive
        if not isinstance(request, A_ASSOCIATE):  # the peer aborted before it asked
            event.assoc.is_aborted = True
            event.assoc.kill()
            return
        sender = Sender(
            calling_ae_title=request.calling_ae_title.strip(),
            called_ae_title=request.called_ae_title.strip(),
            peer_address=event.assoc.requestor.address or "",
        )
        refusal = self._refusal(event.assoc, request, sender)
        refusal = refusal or self._write_down(event.assoc, sender)
        if refusal is None:
            log.info("association accepted", **_names(sender))
            return
        event.assoc.acse.send_reject(refusal.result, refusal.source, refusal.diagnostic)
        event.assoc.is_rejected = True
        event.assoc.kill()
        self._remember_refusal(sender, refusal)

    def on_ended(self, event: Event) -> None:
        """Strike out an association that was released, aborted or lost."""
        self._strike_out(event.assoc)

    def on_echo(self, _event: Event) -> int:
        """Answer C-ECHO (PS3.4 A): whoever gets this far was admitted."""
        return Status.SUCCESS

    def on_store(self, event: Event) -> int:
        """Answer C-STORE. An error nobody foresaw becomes 0xC211 in pynetdicom: never Success."""
        try:
            association_id, sender = self._open[event.assoc]
            command = cast("C_STORE", event.request)
            if isinstance(command.DataSet, Dropped):
                return self._refuse(command, command.DataSet, sender)
            request = StoreRequest(
                sop_class_uid=str(command.AffectedSOPClassUID),
                sop_instance_uid=str(command.AffectedSOPInstanceUID),
                transfer_syntax_uid=str(event.context.transfer_syntax),
                data_set=event.encoded_dataset(include_meta=False),
            )
            status = self._store.store(request, sender, association_id)
        except BaseException as error:
            # Where and what kind, not its text: that may quote what the sender sent.
            log.error("instance refused", code="unexpected", reason=_kind_and_place(error))  # noqa: TRY400
            raise
        finally:
            self._free(event)
        failpoint("listener.before-answer")
        return status

    def _refuse(self, command: C_STORE, dropped: Dropped, sender: Sender) -> Status:
        log.warning("instance refused", code=dropped.code, size=dropped.size)
        if dropped.code == TOO_LARGE:
            uid = str(command.AffectedSOPInstanceUID)
            try:
                with self._database.write() as session:
                    record_refused_instance(session, uid, dropped.code, dropped.size, sender)
            except SQLAlchemyError as error:
                log.warning("refusal not recorded", reason=type(error).__name__)
        return Status.OUT_OF_RESOURCES

    def _free(self, event: Event) -> None:
        data_set = cast("C_STORE", event.request).DataSet
        if data_set is not None:
            self._budget.free(data_set)

    def start(self) -> None:
        """Strike out what an earlier run of this listener left open."""
        with self._database.write() as session:
            close_left_over_associations(session, self._listener)
            beat(session, ROLE, self._details())

    def keep_alive(self) -> bool:
        """Say in the database that we live; strike out associations whose thread is gone.

        False when the database did not take it.
        """
        for association in [one for one in list(self._open) if not one.is_alive()]:
            self._strike_out(association)
        try:
            with self._database.write() as session:
                touch_associations(session, self._listener)
                beat(session, ROLE, self._details())
        except SQLAlchemyError as error:
            log.warning("heartbeat missed", reason=type(error).__name__)
            return False
        return True

    def stop(self) -> None:
        """Strike out everything: nobody can send to us any more."""
        with self._database.write() as session:
            close_left_over_associations(session, self._listener)
            say_goodbye(session, ROLE)

    def count(self) -> int:
        """Return how many associations are open."""
        return len(self._open)

    def _refusal(
        self, association: Association, request: A_ASSOCIATE, sender: Sender
    ) -> Refusal | None:
        if request.application_context_name != _APPLICATION_CONTEXT:
            return NOT_DICOM
        names = certificate_names(association)
        refusal = self._admission.refusal(sender, len(self._open), names)
        if refusal is None and not self._store.has_room():
            return DISK_SHORT
        return refusal

    def _write_down(self, association: Association, sender: Sender) -> Refusal | None:
        try:
            with self._database.write() as session:
                association_id = open_association(session, self._listener, sender)
        except SQLAlchemyError as error:
            log.warning("association not recorded", reason=type(error).__name__)
            return DATABASE_DOWN
        with self._lock:
            self._open[association] = (association_id, sender)
        failpoint("listener.after-accept")
        return None

    def _strike_out(self, association: Association) -> None:
        known = self._open.get(association)
        if known is None:
            return
        try:
            with self._database.write() as session:
                close_association(session, known[0])
        except SQLAlchemyError as error:
            # It stays in the book; the next heartbeat tries again once its thread is gone.
            log.warning("association not closed", reason=type(error).__name__)
            return
        with self._lock:
            self._open.pop(association, None)
        log.info("association ended", **_names(known[1]))

    def _remember_refusal(self, sender: Sender, refusal: Refusal) -> None:
        self._complaints.warn("association refused", refusal.reason, **_names(sender))
        with self._lock:
            if (sender, refusal.reason) not in self._refused:
                if len(self._refused) >= _MOST_REFUSED:
                    sender = Sender(
                        calling_ae_title="(other)",
                        called_ae_title="(other)",
                        peer_address="(other)",
                    )
                self._refused.add((sender, refusal.reason))
        try:
            with self._database.write() as session:
                record_refusal(session, sender, refusal.reason)
        except SQLAlchemyError as error:
            log.warning("refusal not recorded", reason=type(error).__name__)

    def _details(self) -> dict[str, Any]:
        return {"open_associations": len(self._open)}


_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1, the only one

# A stranger who makes up a new name for every try must not fill the database.
_MOST_REFUSED = 1000


def _kind_and_place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, {PurePath(last.filename).name}:{last.lineno}"


def _names(sender: Sender) -> dict[str, str]:
    return {
        "calling_ae_title": sender.calling_ae_title,
        "called_ae_title": sender.called_ae_title,
        "peer_address": sender.peer_address,
    }
