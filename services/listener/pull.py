"""Pull: take instances out of an archive, by the very path that C-STORE takes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from services.listener.budget import Budget
from services.listener.contexts import TRANSFER_SYNTAXES, storage_sop_classes
from services.listener.guard import TOO_LARGE
from services.listener.instance import StoreRequest
from services.listener.pulled import request_of_file
from services.listener.sameness import request_digest
from services.listener.storage import InstanceStore, Status
from shared.db.engine import Database
from shared.db.ingest import Sender, close_association, open_association
from shared.db.refusals import record_refused_instance
from shared.dicom.manifest import MANUFACTURER
from shared.errors import BadInputError, ResourceError
from shared.orthanc import HeldInstance, Orthanc

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What may be pulled: nothing of ours, nothing the listener would not take by C-STORE."""

    modalities: frozenset[str]
    ae_titles: frozenset[str]
    max_bytes: int

    def takes(self, held: HeldInstance) -> bool:
        """Say whether this instance is pulled. Empty lists exclude nothing."""
        return self._wants(held) and held.size <= self.max_bytes

    def is_too_large(self, held: HeldInstance) -> bool:
        """Say whether this instance would be pulled if it were smaller."""
        return self._wants(held) and held.size > self.max_bytes

    def _wants(self, held: HeldInstance) -> bool:
        return (
            held.manufacturer != MANUFACTURER
            and held.sop_class_uid in _SOP_CLASSES
            and held.transfer_syntax_uid in TRANSFER_SYNTAXES
            and (not self.modalities or held.modality in self.modalities)
            and (not self.ae_titles or held.sender_ae_title in self.ae_titles)
        )


class Puller:
    """Pulls; while entered, one association stands for it: a study is not complete meanwhile."""

    def __init__(
        self,
        *,
        orthanc: Orthanc,
        database: Database,
        store: InstanceStore,
        sender: Sender,
        listener: str,
        budget: Budget,
    ) -> None:
        self._orthanc = orthanc
        self._database = database
        self._store = store
        self._sender = sender
        self._listener = listener
        self._budget = budget
        self._association_id: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._association_id is not None:
            # Where this fails the row is still ours, and is closed after the next round.
            with self._database.write() as session:
                close_association(session, self._association_id)
            self._association_id = None

    def pull(self, held: HeldInstance) -> bool:
        """Take one instance; ``False`` when it was set aside and must not be pulled again.

        Raises
        ------
        ResourceError
            There is no room for it now, or it cannot be recorded.
        """
        with self._budget.during(held.size, _PATIENCE):
            return self._pull(held.pacs_id)

    def refuse(self, instances: Sequence[HeldInstance]) -> None:
        """Write down instances that are too large to be pulled."""
        for one in instances:
            log.warning("instance not pulled", code=TOO_LARGE, size=one.size)
            with self._database.write() as session:
                record_refused_instance(
                    session, one.sop_instance_uid, TOO_LARGE, one.size, self._sender
                )

    def _pull(self, pacs_id: str) -> bool:
        request = self._request(pacs_id)
        if request is None:
            return True  # gone from the archive: nothing to do, now or later
        if isinstance(request, BadInputError):
            log.warning("instance not pulled", code=request.code, reason=request.reason)
            return False
        status = self._store.store(request, self._sender, self._association())
        if status is Status.OUT_OF_RESOURCES:
            raise ResourceError("an instance cannot be kept just now", code="no-room")
        log.info("instance pulled", sop_instance_uid=request.sop_instance_uid, status=status.name)
        return status is Status.SUCCESS

    def restore(self, pacs_id: str, sha256: str, content_sha256: str) -> bool:
        """Take an instance once more whose file was removed, if its content is the same still.

        The archive may hold it in another encoding than it was sent in.
        """
        request = self._request(pacs_id)
        if not isinstance(request, StoreRequest):
            return False
        same = hashlib.sha256(request.part10()).hexdigest() == sha256
        if not same and (not content_sha256 or request_digest(request) != content_sha256):
            log.warning("instance not restored", reason="the archive holds other content")
            return False
        status = self._store.store(request, self._sender, self._association())
        log.info("instance restored", sop_instance_uid=request.sop_instance_uid, status=status.name)
        return status is Status.SUCCESS

    def _request(self, pacs_id: str) -> StoreRequest | BadInputError | None:
        content = self._orthanc.file(pacs_id)
        try:
            return None if content is None else request_of_file(content)
        except BadInputError as error:
            return error

    def _association(self) -> int:
        if self._association_id is None:
            with self._database.write() as session:
                self._association_id = open_association(session, self._listener, self._sender)
        return self._association_id


_PATIENCE = 60.0

_SOP_CLASSES = frozenset(storage_sop_classes())
