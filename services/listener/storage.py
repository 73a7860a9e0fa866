"""Storage: what happens to one C-STORE request, from bytes to the status that is sent back.

Success is answered only when the bytes are durable and the row is committed. What cannot be read
is set aside with its reason and answered with a *warning*: senders end a whole job on a failure
status, and one bad instance must not cost a study its good ones.
"""

import hashlib
from enum import IntEnum

import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from services.listener.instance import StoreRequest, read_manifest
from services.listener.pulled import request_of_file
from services.listener.room import Room
from services.listener.sameness import content_digest
from shared.db.engine import Database
from shared.db.ingest import (
    Kept,
    Recorded,
    Sender,
    record_instance,
    record_quarantine,
    spooled_instances,
)
from shared.dicom.manifest import InstanceManifest
from shared.errors import BadInputError, ResourceError
from shared.failpoints import failpoint
from shared.spool import Spool, SpooledFile

log = structlog.get_logger(__name__)


class Status(IntEnum):
    """The C-STORE statuses we answer (PS3.4 table B.2-1)."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    SET_ASIDE = 0xB007  # warning "data set does not match SOP class": kept, but not used


class InstanceStore:
    """Takes instances into the spool and the database."""

    def __init__(
        self, database: Database, spool: Spool, min_free_bytes: int, max_bytes: int = 0
    ) -> None:
        self._database = database
        self._spool = spool
        self._room = Room(spool, min_free_bytes=min_free_bytes, max_bytes=max_bytes)

    def has_room(self, size: int = 0) -> bool:
        """Say whether ``size`` bytes fit, and set them aside for whoever asks."""
        return self._room.take(size)

    def store(self, request: StoreRequest, sender: Sender, association_id: int) -> Status:
        """Take one instance and return the status to answer."""
        if not self.has_room(len(request.data_set)):
            log.warning("instance refused", code="disk-short")
            return Status.OUT_OF_RESOURCES
        try:
            return self._take(request, sender, association_id)
        except ResourceError as error:
            log.warning("instance refused", code=error.code, reason=error.reason)
        except SQLAlchemyError as error:
            # The driver's text may quote a row: the class says enough.
            log.warning("instance refused", code="database", reason=type(error).__name__)
        return Status.OUT_OF_RESOURCES

    def _take(self, request: StoreRequest, sender: Sender, association_id: int) -> Status:
        content = request.part10()
        try:
            manifest = read_manifest(request, content)
        except BadInputError as error:
            return self._set_aside(content, error, sender)
        return self._keep(manifest, content, sender, association_id)

    def take_again(self, content: bytes, sender: Sender) -> Status:
        """Take in a Part 10 file that was set aside before; return what a sender would hear.

        Raises
        ------
        BadInputError
            It still cannot be accepted.
        ResourceError, SQLAlchemyError
            Disk or database cannot take it now.
        """
        if not self.has_room(len(content)):
            raise ResourceError("the disk is short", code="disk-short")
        manifest = read_manifest(request_of_file(content), content)
        return self._keep(manifest, content, sender, None)

    def _keep(
        self,
        manifest: InstanceManifest,
        content: bytes,
        sender: Sender,
        association_id: int | None,
    ) -> Status:
        if manifest.is_own_result:
            # The PACS has these bytes, and so has the spool of the job that wrote them.
            digest = hashlib.sha256(content).hexdigest()
            file = SpooledFile(key="", sha256=digest, size=len(content))
        else:
            if self._is_known(manifest, content):
                return Status.SUCCESS
            failpoint("listener.before-write")
            file = self._spool.write_by_digest("instances", content)
            failpoint("listener.after-write")
        recorded = self._record(manifest, file, sender, association_id)
        log.info(
            "instance received",
            sop_instance_uid=manifest.sop_instance_uid,
            study_instance_uid=manifest.study_instance_uid,
            outcome=recorded.value,
            size=file.size,
        )
        return Status.SET_ASIDE if recorded is Recorded.CONFLICT else Status.SUCCESS

    def _is_known(self, manifest: InstanceManifest, content: bytes) -> bool:
        """Say whether this instance was taken before in another encoding."""
        with self._database.read() as session:
            known = spooled_instances(session, manifest.sop_instance_uid)
        if not known:
            return False  # new, as nearly all are: writing it computes the digest
        digest = hashlib.sha256(content).hexdigest()
        if digest in known:
            return False  # the very same bytes: recording says so, and counts
        used = [one for one in known.values() if not one.conflict]
        if any(self._content_digest(one) == manifest.content_sha256 for one in used):
            uid = manifest.sop_instance_uid
            log.info("instance known in another encoding", sop_instance_uid=uid)
            return True
        return False

    def _content_digest(self, kept: Kept) -> str:
        if kept.content_sha256:
            return kept.content_sha256
        # Received before content digests were recorded.
        try:
            return content_digest(self._spool.path(kept.spool_key).read_bytes())
        except OSError:
            return ""  # removed a moment ago

    def _record(
        self,
        manifest: InstanceManifest,
        file: SpooledFile,
        sender: Sender,
        association_id: int | None,
    ) -> Recorded:
        try:
            return self._record_once(manifest, file, sender, association_id)
        except IntegrityError:
            # Another association recorded the same instance or study a moment ago; now we see it.
            return self._record_once(manifest, file, sender, association_id)

    def _record_once(
        self,
        manifest: InstanceManifest,
        file: SpooledFile,
        sender: Sender,
        association_id: int | None,
    ) -> Recorded:
        with self._database.write() as session:
            recorded = record_instance(
                session, manifest, file, sender=sender, association_id=association_id
            )
            failpoint("listener.before-commit")
        failpoint("listener.after-commit")
        return recorded

    def _set_aside(self, content: bytes, error: BadInputError, sender: Sender) -> Status:
        file = self._spool.write_by_digest("quarantine", content)
        try:
            self._record_quarantine(file, error, sender)
        except IntegrityError:
            # Another association set the same bytes aside a moment ago; now we see it.
            self._record_quarantine(file, error, sender)
        log.warning(
            "instance quarantined", sha256=file.sha256, code=error.code, reason=error.reason
        )
        return Status.SET_ASIDE

    def _record_quarantine(self, file: SpooledFile, error: BadInputError, sender: Sender) -> None:
        with self._database.write() as session:
            record_quarantine(session, file, code=error.code, reason=error.reason, sender=sender)
