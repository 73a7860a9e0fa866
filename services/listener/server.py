"""Server: pynetdicom's, with our connections and with TLS outside the loop that accepts."""

import socket
import ssl
from socketserver import BaseServer
from typing import Any

from pynetdicom.transport import ThreadedAssociationServer

from services.listener.complaints import Complaints
from services.listener.connections import Connections


class GuardedServer(ThreadedAssociationServer):
    """pynetdicom's server, with a cap on connections and TLS outside the accept loop.

    pynetdicom performs TLS handshakes in the loop that accepts connections: one client that says
    nothing would lock every other one out.
    """

    request_queue_size = 128  # a burst of connections must not drop those of honest senders

    def __init__(
        self,
        *args: Any,
        connections: Connections,
        complaints: Complaints,
        handshake_seconds: float,
        **kwargs: Any,
    ) -> None:
        self._connections = connections
        self._complaints = complaints
        self._handshake_seconds = handshake_seconds
        super().__init__(*args, **kwargs)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Say whether a new connection may start; otherwise it is closed without a word."""
        return self._connections.admit(request, client_address[0])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; a TLS handshake waits for the connection's own thread."""
        listening: socket.socket = self.socket  # type: ignore[assignment]  # None only before bind
        connection, address = listening.accept()
        connection.settimeout(self._handshake_seconds)
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
            kind = type(error).__name__
            self._complaints.warn("connection closed", kind, peer_address=client_address[0])
            self.shutdown_request(request)
        finally:
            self._connections.started(request)
