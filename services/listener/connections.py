"""Connections: how many may be open, which one makes room, and what becomes of lost threads."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Queue
from typing import Any

from pynetdicom.association import Association
from pynetdicom.events import Event

from services.listener.budget import Budget
from services.listener.complaints import Complaints
from services.listener.guard import BoundedReader, Bounds
from shared.transport import close_always


class Connections:
    """The open connections of one listener, associated or not yet.

    When an address, or the whole listener, has as many as it may, the oldest one that has not
    become an association makes room: sockets that only sit there can never keep a sender out.
    """

    def __init__(self, bounds: Bounds, complaints: Complaints, budget: Budget) -> None:
        self._bounds = bounds
        self._budget = budget
        self._complaints = complaints
        self._lock = threading.Lock()
        self._open: list[_Connection] = []  # the oldest first

    def admit(self, request: socket.socket, address: str) -> bool:
        """Say whether a new connection from ``address`` may start; make room for it if needed."""
        with self._lock:
            self._forget_ended()
            held = [one for one in self._open if not one.cut]
            here = [one for one in held if one.address == address]
            victim = None
            if len(here) >= self._bounds.max_connections_per_address:
                fits, victim = self._room_among(here)
            elif len(held) >= self._bounds.max_connections:
                fits, victim = self._room_among(held)
            else:
                fits = True
            if fits:
                self._open.append(_Connection(address, request))
        if not fits:
            self._complaints.warn("connection closed", "too-many", peer_address=address)
        if victim is not None:
            self._complaints.warn("connection cut", "made-room", peer_address=victim.address)
            victim.hang_up()
        return fits

    def guard(self, event: Event) -> None:
        """Bound what is read from a new connection (bind to ``EVT_CONN_OPEN``)."""
        association = event.assoc
        transport = association.dul.socket
        if transport is None:
            return
        # The one place where pynetdicom reads from a socket; it has no setting for any of this.
        reader = BoundedReader(association, transport, self._bounds, self._complaints, self._budget)
        transport.recv = reader.recv  # type: ignore[method-assign]
        close_always(transport)
        with self._lock:
            for one in self._open:
                if one.request is transport.socket:
                    # From here on the association owns the socket: it closes with the last
                    # reference to it, so none is kept.
                    one.association, one.request = association, None

    def started(self, request: socket.socket) -> None:
        """Say that a connection that was admitted has its association by now, or never will."""
        with self._lock:
            self._open = [one for one in self._open if one.request is not request]

    def sweep(self) -> None:
        """Put down connections that lost one of their two threads; call every few seconds.

        Hostile bytes can end the thread of the association and leave the one that holds the
        socket, or the other way round. A pair that is still broken at the next sweep is no pair
        that is just starting or ending.
        """
        with self._lock:
            self._forget_ended()
            lost = [one for one in self._open if one.is_broken and one.was_broken]
            for one in self._open:
                one.was_broken = one.is_broken
        for one in lost:
            self._complaints.warn("connection cut", "thread-lost", peer_address=one.address)
            one.put_down()

    def _room_among(self, held: "list[_Connection]") -> "tuple[bool, _Connection | None]":
        victim = next((one for one in held if one.is_idle), None)
        # Those that were cut take a moment to go; they too may be only so many.
        leaving = sum(one.cut for one in self._open)
        if victim is None or leaving >= self._bounds.max_connections:
            return False, None
        victim.cut = True
        return True, victim

    def _forget_ended(self) -> None:
        self._open = [one for one in self._open if not one.has_ended]


@dataclass(slots=True, eq=False)
class _Connection:
    """One connection: its socket until its association has it, then its association."""

    address: str
    request: socket.socket | None
    association: Association | None = None
    cut: bool = False
    was_broken: bool = False

    @property
    def is_idle(self) -> bool:
        return self.association is None or not self.association.is_established

    @property
    def has_ended(self) -> bool:
        one = self.association
        return one is not None and not _is_running(one) and not one.dul.is_alive()

    @property
    def is_broken(self) -> bool:
        one = self.association
        return one is not None and _is_running(one) != one.dul.is_alive()

    def hang_up(self) -> None:
        """Shut the socket from our side; whoever waits for it sees an end and leaves by itself."""
        _quietly(self._shut)
        if self.association is not None:
            # Its thread waits for the A-ASSOCIATE-RQ until a timeout: nothing (None) comes now.
            primitives: Queue[Any] = self.association.dul.to_user_queue
            primitives.put(None)

    def put_down(self) -> None:
        """End both threads of an association."""
        one = self.association
        if one is None:
            return
        _quietly(self._shut)
        one.dul.kill_dul()
        if one.dul.socket is not None:
            one.dul.socket.close()
        if one.is_alive():
            one.kill()

    def _shut(self) -> None:
        connection = self.request
        if self.association is not None and self.association.dul.socket is not None:
            connection = self.association.dul.socket.socket
        if connection is not None:
            connection.shutdown(socket.SHUT_RDWR)


def _is_running(association: Association) -> bool:
    return association.ident is None or association.is_alive()


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):  # the other side was faster
        action()
