"""Guard: bounds on what one socket may cost us while it speaks DICOM.

pynetdicom alone waits for ever for the rest of a PDU and buffers whatever length a PDU claims;
both let one silent client lock every other one out (reproduced against pynetdicom 3.0.4).
"""

import time
from dataclasses import dataclass

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from services.listener.complaints import Complaints

# An A-ASSOCIATE-RQ is not bound by the negotiated PDU length, and may name 128 contexts.
_LONGEST_REQUEST = 128 * 1024
_CHUNK = 64 * 1024


class GuardError(OSError):
    """A peer broke a bound; pynetdicom treats an ``OSError`` while reading as a lost connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may take: bytes, seconds, connections at once."""

    max_pdu: int
    pdu_seconds: float
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
    ) -> None:
        self._association = association
        self._transport = transport  # not its socket: the last reference must go when it closes
        self._bounds = bounds
        self._complaints = complaints

    def recv(self, nr_bytes: int) -> bytearray:
        """Return ``nr_bytes`` bytes, fewer only if the peer closed.

        Raises
        ------
        GuardError
            ``nr_bytes`` is over the limit, the bytes did not all arrive in time, the message they
            belong to is too big, or the peer does not wait for answers.
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
        data_set = None if message is None else message.data_set
        if data_set is not None and data_set.tell() > self._bounds.max_instance_bytes:
            raise self._broken("message-too-big")
        # Asynchronous operations are never negotiated: one request at a time (PS3.7 D.3.3.3).
        if self._association.dimse.msg_queue.qsize() > 1:
            raise self._broken("too-many-outstanding")

    def _broken(self, code: str) -> GuardError:
        address = self._association.requestor.address
        self._complaints.warn("connection cut", code, peer_address=address)
        return GuardError(code)
