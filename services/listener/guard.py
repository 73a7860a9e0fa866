"""Guard: bounds on what a socket may cost us before and while it speaks DICOM.

pynetdicom alone waits for ever for the rest of a PDU, buffers whatever length a PDU claims, and
performs TLS handshakes in the loop that accepts connections; each lets one silent client lock
every other one out (reproduced against pynetdicom 3.0.4).
"""

import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from socketserver import BaseServer
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

log = structlog.get_logger(__name__)

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
        self, association: Association, transport: AssociationSocket, bounds: Bounds
    ) -> None:
        self._association = association
        self._transport = transport  # not its socket: the last reference must go when it closes
        self._bounds = bounds

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
        log.warning("connection cut", peer_address=address, code=code)
        return GuardError(code)


class GuardedServer(ThreadedAssociationServer):
    """pynetdicom's server, with a cap on connections and TLS outside the accept loop."""

    def __init__(self, *args: Any, bounds: Bounds, **kwargs: Any) -> None:
        self._bounds = bounds
        self._starting: Counter[str] = Counter()
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Say whether a new connection may start; otherwise it is closed without a word."""
        address = client_address[0]
        open_now = Counter(one.requestor.address for one in self.active_associations)
        with self._lock:
            open_now += self._starting
            if (
                open_now.total() >= self._bounds.max_connections
                or open_now[address] >= self._bounds.max_connections_per_address
            ):
                log.warning("connection closed", peer_address=address, code="too-many")
                return False
            self._starting[address] += 1
        return True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; a TLS handshake waits for the connection's own thread."""
        listening: socket.socket = self.socket  # type: ignore[assignment]  # None only before bind
        connection, address = listening.accept()
        connection.settimeout(self._bounds.handshake_seconds)
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def shutdown(self) -> None:
        """Stop accepting; pynetdicom's own wants the server on a list that it never put it on."""
        BaseServer.shutdown(self)
        self.server_close()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands, then hand the connection to its association."""
        try:
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
            super().process_request_thread(request, client_address)
        except OSError as error:
            log.warning("connection closed", peer_address=client_address[0], reason=str(error))
            self.shutdown_request(request)
        finally:
            with self._lock:
                self._starting[client_address[0]] -= 1


def guard_connection(event: Event, bounds: Bounds) -> None:
    """Bound what is read from a new connection (bind to ``EVT_CONN_OPEN``)."""
    transport = event.assoc.dul.socket
    if transport is not None:
        # The one place where pynetdicom reads from a socket; it has no setting for any of this.
        reader = BoundedReader(event.assoc, transport, bounds)
        transport.recv = reader.recv  # type: ignore[method-assign]
