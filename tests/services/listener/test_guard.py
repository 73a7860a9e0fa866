"""A connection is cut when its peer breaks a bound."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from services.listener.budget import Budget, Dropped
from services.listener.complaints import Complaints
from services.listener.guard import BoundedReader, Bounds, GuardError

BOUNDS = Bounds(
    max_pdu=1024,
    pdu_seconds=0.2,
    message_seconds=60,
    max_instance_bytes=1000,
    max_connections=4,
    max_connections_per_address=2,
    handshake_seconds=1,
)


def association(data_set_size: int = 0, waiting: int = 0, command: int = 0) -> Association:
    data_set = BytesIO()
    data_set.write(bytes(data_set_size))
    commands = SimpleNamespace(tell=lambda: command)
    fake: Any = SimpleNamespace(
        requestor=SimpleNamespace(address="127.0.0.1"),
        dimse=SimpleNamespace(
            message=SimpleNamespace(data_set=data_set, encoded_command_set=commands),
            msg_queue=SimpleNamespace(qsize=lambda: waiting),
        ),
    )
    return cast("Association", fake)


def reader(
    ours: socket.socket,
    fake: Association | None = None,
    bounds: Bounds = BOUNDS,
    budget: Budget | None = None,
) -> BoundedReader:
    transport = cast("AssociationSocket", SimpleNamespace(socket=ours))
    return BoundedReader(
        fake or association(), transport, bounds, Complaints(), budget or Budget(10_000)
    )


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


def dropped(one: Association) -> Dropped:
    message = one.dimse.message
    assert message is not None
    assert isinstance(message.data_set, Dropped)
    return message.data_set


def test_a_message_over_the_limit_is_heard_out_and_not_kept(pair: Pair) -> None:
    budget, big = Budget(10_000), association(data_set_size=1001)
    pair[1].sendall(b"more")
    assert bytes(reader(pair[0], big, budget=budget).recv(4)) == b"more"
    dropped(big).write(b"more")
    assert (dropped(big).code, dropped(big).size) == ("too-large", 1005)
    assert dropped(big).getvalue() == b""
    assert budget.hold(BytesIO(), 10_000, 0)


def test_messages_that_take_more_than_the_memory_together_are_not_kept(pair: Pair) -> None:
    budget = Budget(1500)
    first, second = association(data_set_size=500), association(data_set_size=500)
    pair[1].sendall(b"abc")
    reader(pair[0], first, budget=budget).recv(1)
    reader(pair[0], second, budget=budget).recv(1)
    assert dropped(second).code == "no-memory"
    message = first.dimse.message
    assert message is not None
    assert isinstance(message.data_set, BytesIO)
    budget.free(message.data_set)
    third = association(data_set_size=500)
    reader(pair[0], third, budget=budget).recv(1)
    assert third.dimse.message is not None
    assert not isinstance(third.dimse.message.data_set, Dropped)


def test_a_message_that_never_ends_is_cut(pair: Pair) -> None:
    pair[1].sendall(b"abc")
    bounded = reader(pair[0], association(3), replace(BOUNDS, message_seconds=-1.0))
    with pytest.raises(GuardError, match="message-too-slow"):
        bounded.recv(1)


def test_a_command_that_never_ends_is_cut(pair: Pair) -> None:
    bounded = reader(pair[0], association(command=64 * 1024 + 1))
    with pytest.raises(GuardError, match="command-too-long"):
        bounded.recv(1)


def test_a_sender_that_does_not_wait_for_answers_is_cut(pair: Pair) -> None:
    bounded = reader(pair[0], association(waiting=2))
    with pytest.raises(GuardError, match="too-many-outstanding"):
        bounded.recv(6)
