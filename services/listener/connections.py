"""Connections: how many may be open, which one makes room, and what becomes of lost threads."""

import contextlib
import socket
import threading
from collections import Counter

from pynetdicom.association import Association
from pynetdicom.events import Event

from services.listener.complaints import Complaints
from services.listener.guard import BoundedReader, Bounds


class Connections:
    """The open connections of one listener, associated or not yet.

    When an address, or the whole listener, has as many as it may, the oldest one that has not
    become an association makes room: sockets that only sit there can never keep a sender out.
    """

    def __init__(self, bounds: Bounds, complaints: Complaints) -> None:
        self._bounds = bounds
        self._complaints = complaints
        self._lock = threading.Lock()
        self._starting: Counter[str] = Counter()
        self._open: list[Association] = []  # the oldest first
        self._cut: set[Association] = set()
        self._suspects: set[Association] = set()

    def admit(self, address: str) -> bool:
        """Say whether a new connection from ``address`` may start; make room for it if needed."""
        with self._lock:
            self._forget_ended()
            held = Counter(_address(one) for one in self._open if one not in self._cut)
            held += self._starting
            full = held.total() >= self._bounds.max_connections
            crowded = held[address] >= self._bounds.max_connections_per_address
            victim = self._idle(address if crowded else None) if full or crowded else None
            if (full or crowded) and (
                victim is None or len(self._cut) >= self._bounds.max_connections
            ):
                self._complaints.warn("connection closed", "too-many", peer_address=address)
                return False
            if victim is not None:
                self._cut.add(victim)
            self._starting[address] += 1
        if victim is not None:
            self._complaints.warn("connection cut", "made-room", peer_address=_address(victim))
            _hang_up(victim)
            # Its thread waits for the A-ASSOCIATE-RQ until a timeout: nothing (None) comes now.
            victim.dul.to_user_queue.put(None)
        return True

    def started(self, address: str) -> None:
        """Say that a connection that was admitted has its association, or ended before that."""
        with self._lock:
            self._starting[address] -= 1
            self._starting += Counter()  # forgets addresses with none

    def guard(self, event: Event) -> None:
        """Take a new connection in and bound what is read from it (bind to ``EVT_CONN_OPEN``)."""
        transport = event.assoc.dul.socket
        if transport is None:
            return
        # The one place where pynetdicom reads from a socket; it has no setting for any of this.
        reader = BoundedReader(event.assoc, transport, self._bounds, self._complaints)
        transport.recv = reader.recv  # type: ignore[method-assign]
        with self._lock:
            self._open.append(event.assoc)

    def sweep(self) -> None:
        """Put down connections that lost one of their two threads; call every few seconds.

        Hostile bytes can end the thread of the association and leave the one that holds the
        socket, or the other way round. A pair that is still broken at the next sweep is no pair
        that is just starting or ending.
        """
        with self._lock:
            self._forget_ended()
            broken = {one for one in self._open if _is_running(one) != one.dul.is_alive()}
            lost, self._suspects = broken & self._suspects, broken
        for one in lost:
            self._complaints.warn("connection cut", "thread-lost", peer_address=_address(one))
            _put_down(one)

    def count(self) -> int:
        """Return how many connections are open."""
        with self._lock:
            self._forget_ended()
            return len(self._open)

    def _forget_ended(self) -> None:
        self._open = [one for one in self._open if not _has_ended(one)]
        self._cut &= set(self._open)

    def _idle(self, address: str | None) -> Association | None:
        return next(
            (
                one
                for one in self._open
                if not one.is_established
                and one not in self._cut
                and address in (None, _address(one))
            ),
            None,
        )


def _address(association: Association) -> str:
    return association.requestor.address or ""


def _is_running(association: Association) -> bool:
    return association.ident is None or association.is_alive()


def _has_ended(association: Association) -> bool:
    return not _is_running(association) and not association.dul.is_alive()


def _hang_up(association: Association) -> None:
    """Shut the socket from our side; the threads see an end and leave by themselves."""
    transport = association.dul.socket
    connection = None if transport is None else transport.socket
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _put_down(association: Association) -> None:
    _hang_up(association)
    association.dul.kill_dul()
    transport = association.dul.socket
    if transport is not None:
        transport.close()
    if association.is_alive():
        association.kill()
