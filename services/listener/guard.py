"""Guard: bounds on what one socket may cost us while it speaks DICOM.

pynetdicom alone waits for ever for the rest of a PDU and buffers whatever length a PDU claims;
both let one silent client lock every other one out (reproduced against pynetdicom 3.0.4).
"""

import time
from dataclasses import dataclass

from pynetdicom.association import Association
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.transport import AssociationSocket

from services.listener.budget import COPIES, Budget, Dropped
from services.listener.complaints import Complaints

# An A-ASSOCIATE-RQ is not bound by the negotiated PDU length, and may name 128 contexts.
_LONGEST_REQUEST = 128 * 1024
_LONGEST_COMMAND = 64 * 1024
_CHUNK = 64 * 1024


TOO_LARGE = "too-large"
NO_MEMORY = "no-memory"


class GuardError(OSError):
    """A peer broke a bound; pynetdicom treats an ``OSError`` while reading as a lost connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may take: bytes, seconds, connections at once."""

    max_pdu: int
    pdu_seconds: float
    message_seconds: float
    max_instance_bytes: int
    max_connections: int
    max_connections_per_address: int
    handshake_seconds: float


class BoundedReader:
    """Reads what one association receives: bounded in PDU and message size, and in time."""

    def __init__(
        self,
        association: Association,
        transport: AssociationSocket,
        bounds: Bounds,
        complaints: Complaints,
        budget: Budget,
    ) -> None:
        self._association = association
        self._transport = transport  # not its socket: the last reference must go when it closes
        self._bounds = bounds
        self._complaints = complaints
        self._budget = budget
        self._message: object = None
        self._message_ends = 0.0

    def recv(self, nr_bytes: int) -> bytearray:
        """Return ``nr_bytes`` bytes, fewer only if the peer closed.

        Raises
        ------
        GuardError
            ``nr_bytes`` is over the limit, the bytes or the message they belong to did not all
            arrive in time, its command is too long, or the peer does not wait for answers.
        """
        if nr_bytes > max(self._bounds.max_pdu, _LONGEST_REQUEST):
            raise self._broken("pdu-too-long")
        self._check_message()
        connection = self._transport.socket
        if connection is None:
            raise self._broken("closed")
        received = bytearray()
        deadline = time.monotonic() + self._bounds.pdu_seconds
        while len(received) < nr_bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._broken("pdu-too-slow")
            connection.settimeout(left)
            try:
                part = connection.recv(min(_CHUNK, nr_bytes - len(received)))
            except TimeoutError as error:
                raise self._broken("pdu-too-slow") from error
            if not part:
                break
            received += part
        return received

    def _check_message(self) -> None:
        message = self._association.dimse.message
        if message is not None:
            self._check_time(message)
            if message.encoded_command_set.tell() > _LONGEST_COMMAND:
                raise self._broken("command-too-long")
            self._check_size(message)
        # Asynchronous operations are never negotiated: one request at a time (PS3.7 D.3.3.3).
        if self._association.dimse.msg_queue.qsize() > 1:
            raise self._broken("too-many-outstanding")

    def _check_time(self, message: DIMSEMessage) -> None:
        # Legal little PDUs, each in time, would hold an association and delay its study for hours.
        if message is not self._message:
            self._message = message
            self._message_ends = time.monotonic() + self._bounds.message_seconds
        if time.monotonic() > self._message_ends:
            raise self._broken("message-too-slow")

    def _check_size(self, message: DIMSEMessage) -> None:
        """Let go of a data set that is too large, or that the memory is too small for just now."""
        data_set = message.data_set
        if data_set is None or isinstance(data_set, Dropped):
            return
        size = data_set.tell()
        if size > self._bounds.max_instance_bytes:
            message.data_set = Dropped(TOO_LARGE, size)
            self._budget.free(data_set)
        elif size and not self._budget.hold(data_set, COPIES * size, self._bounds.pdu_seconds):
            message.data_set = Dropped(NO_MEMORY, size)
            self._budget.free(data_set)

    def _broken(self, code: str) -> GuardError:
        address = self._association.requestor.address
        self._complaints.warn("connection cut", code, peer_address=address)
        return GuardError(code)
