"""A connection is cut when its peer breaks a bound."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from services.listener.complaints import Complaints
from services.listener.guard import BoundedReader, Bounds, GuardError

BOUNDS = Bounds(
    max_pdu=1024,
    pdu_seconds=0.2,
    max_instance_bytes=1000,
    max_connections=4,
    max_connections_per_address=2,
    handshake_seconds=1,
)


def association(data_set_size: int = 0, waiting: int = 0) -> Association:
    fake: Any = SimpleNamespace(
        requestor=SimpleNamespace(address="127.0.0.1"),
        dimse=SimpleNamespace(
            message=SimpleNamespace(data_set=SimpleNamespace(tell=lambda: data_set_size)),
            msg_queue=SimpleNamespace(qsize=lambda: waiting),
        ),
    )
    return cast("Association", fake)


def reader(
    ours: socket.socket, fake: Association | None = None, bounds: Bounds = BOUNDS
) -> BoundedReader:
    transport = cast("AssociationSocket", SimpleNamespace(socket=ours))
    return BoundedReader(fake or association(), transport, bounds, Complaints())


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


def test_bytes_that_arrive_are_returned_exactly(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abcdefgh")
    bounded = reader(ours)
    assert bytes(bounded.recv(3)) == b"abc"
    assert bytes(bounded.recv(5)) == b"defgh"


def test_a_peer_that_closes_gives_what_there_was(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abc")
    theirs.close()
    assert bytes(reader(ours).recv(6)) == b"abc"


def test_a_length_over_the_limit_is_cut_before_a_byte_is_read(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"abc")
    with pytest.raises(GuardError, match="pdu-too-long"):
        reader(ours).recv(0xFFFFFFFF)
    assert ours.recv(3) == b"abc"


def test_a_pdu_that_never_ends_is_cut(pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"a")
    with pytest.raises(GuardError, match="pdu-too-slow"):
        reader(ours).recv(6)


def test_a_message_over_the_limit_is_cut(pair: Pair) -> None:
    bounded = reader(pair[0], association(data_set_size=1001))
    with pytest.raises(GuardError, match="message-too-big"):
        bounded.recv(6)


def test_a_sender_that_does_not_wait_for_answers_is_cut(pair: Pair) -> None:
    bounded = reader(pair[0], association(waiting=2))
    with pytest.raises(GuardError, match="too-many-outstanding"):
        bounded.recv(6)
