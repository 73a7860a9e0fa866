"""Deadline: an end to what a peer may draw out byte by byte, which no timeout on a read ends."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Deadline:
    """Breaks every connection it was shown once ``seconds`` are over; use as a context manager.

    A timeout on a socket is for one read: a peer that sends a byte now and then is never late.
    """

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._passed = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    @property
    def passed(self) -> bool:
        """Whether the time is over: what was read may then be cut short."""
        return self._passed

    def watch(self, connection: socket.socket) -> None:
        """Break ``connection`` too when the time is over; at once if it is."""
        # A descriptor of our own: TLS takes the socket's away, and a closed one is given anew.
        own = connection.dup()
        with self._lock:
            self._connections.append(own)
            if self._passed:
                _break(own)

    def _end(self) -> None:
        with self._lock:
            self._passed = True
            for connection in self._connections:
                _break(connection)


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected, or no longer
        connection.shutdown(socket.SHUT_RDWR)
