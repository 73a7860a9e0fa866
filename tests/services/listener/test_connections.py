"""Connections that only sit there make room; those of a sender never do."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from services.listener.budget import Budget
from services.listener.complaints import Complaints
from services.listener.connections import Connections
from services.listener.guard import Bounds

BOUNDS = Bounds(
    max_pdu=1024,
    pdu_seconds=1,
    message_seconds=1,
    max_instance_bytes=1000,
    max_connections=4,
    max_connections_per_address=2,
    handshake_seconds=1,
)


class Line:
    """Both ends of a connection, and the association on it once there is one."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.waiting: list[object] = []
        self.transport = SimpleNamespace(
            socket=self.ours, recv=None, close=self.ours.close, _shutdown_socket=self.ours.close
        )
        self.threads = [True, True]  # of the association, of the one that holds the socket
        self.association: Any = SimpleNamespace(
            ident=1,
            is_established=False,
            is_alive=lambda: self.threads[0],
            kill=lambda: self.threads.__setitem__(0, False),
            requestor=SimpleNamespace(address="10.0.0.1"),
            dul=SimpleNamespace(
                socket=self.transport,
                is_alive=lambda: self.threads[1],
                kill_dul=lambda: self.threads.__setitem__(1, False),
                to_user_queue=SimpleNamespace(put=self.waiting.append),
            ),
        )

    def is_cut(self) -> bool:
        self.theirs.settimeout(0.05)
        try:
            return self.theirs.recv(1) == b""
        except TimeoutError:
            return False

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    made = [Line() for _ in range(8)]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def connections() -> Connections:
    return Connections(BOUNDS, Complaints(), Budget(10_000))


def come(connections: Connections, line: Line, address: str = "10.0.0.1") -> bool:
    return connections.admit(line.ours, address)


def associate(connections: Connections, line: Line) -> None:
    connections.guard(SimpleNamespace(assoc=line.association))  # type: ignore[arg-type]
    connections.started(line.ours)
    line.association.is_established = True


def test_the_oldest_that_only_sits_there_makes_room(
    connections: Connections, lines: list[Line]
) -> None:
    assert all(come(connections, one) for one in lines[:3])
    assert [one.is_cut() for one in lines[:3]] == [True, False, False]


def test_one_that_has_no_association_yet_is_woken_when_it_makes_room(
    connections: Connections, lines: list[Line]
) -> None:
    come(connections, lines[0])
    connections.guard(SimpleNamespace(assoc=lines[0].association))  # type: ignore[arg-type]
    come(connections, lines[1])
    come(connections, lines[2])
    assert lines[0].is_cut()
    assert lines[0].waiting == [None]


def test_an_association_never_makes_room(connections: Connections, lines: list[Line]) -> None:
    for one in lines[:2]:
        come(connections, one)
        associate(connections, one)
    assert not come(connections, lines[2])
    assert not any(one.is_cut() for one in lines[:2])
    assert come(connections, lines[3], "10.0.0.2")


def test_the_whole_listener_has_its_bound_too(connections: Connections, lines: list[Line]) -> None:
    for number, one in enumerate(lines[:5]):
        assert come(connections, one, f"10.0.0.{number}")
    assert [one.is_cut() for one in lines[:5]] == [True, False, False, False, False]


def test_those_that_were_cut_and_do_not_go_are_bounded(
    connections: Connections, lines: list[Line]
) -> None:
    came = [come(connections, one) for one in lines]
    assert came == [True] * 6 + [False] * 2


def test_a_place_is_free_again_after_the_end(connections: Connections, lines: list[Line]) -> None:
    for one in lines[:2]:
        come(connections, one)
        associate(connections, one)
    lines[0].threads[:] = [False, False]
    assert come(connections, lines[2])
    connections.started(lines[2].ours)
    assert come(connections, lines[3])
    assert not any(one.is_cut() for one in lines[1:4])


@pytest.mark.parametrize("left", [0, 1])
def test_half_a_connection_is_put_down_at_the_second_sweep(
    connections: Connections, lines: list[Line], left: int
) -> None:
    come(connections, lines[0])
    associate(connections, lines[0])
    lines[0].threads[1 - left] = False
    connections.sweep()
    assert lines[0].threads[left]
    connections.sweep()
    assert lines[0].threads == [False, False]
