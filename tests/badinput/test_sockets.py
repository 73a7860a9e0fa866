"""Two hundred sockets that only cost: an honest sender still gets in."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.badinput.cases_wire import PHOTO_CONTEXT
from tests.badinput.process import ListenerProcess, eventually, running_listener
from tests.badinput.surgery import photo
from tests.badinput.table import Show
from tests.badinput.test_catalogue import send
from tests.badinput.wire import associate_request

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(600)]

HOSTILE = 200


@pytest.fixture
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ListenerProcess]:
    """Give a listener that waits long: it is room that is made, not patience that ends."""
    with running_listener(
        tmp_path_factory.mktemp("patient"), request_seconds=60, pdu_seconds=60, idle_seconds=60
    ) as running:
        yield running


@pytest.mark.parametrize("addresses", [1, 20])
def test_an_honest_store_succeeds_beside_200_idle_partial_and_dripping_sockets(
    addresses: int, patient: ListenerProcess, show: Show
) -> None:
    with hostile_sockets(patient.port, addresses) as hostile:
        assert len(hostile) == HOSTILE
        answers = [send(patient, photo(f"honest-{one}")) for one in range(5)]
        during = patient.cost()
    assert answers == ["0000"] * 5
    assert eventually(lambda: patient.cost().threads <= 6, 60)
    after = patient.cost()
    show(
        f"{HOSTILE} hostile sockets from {addresses} address(es)",
        [("honest stores", answers.count("0000")), ("during", during), ("after", after)],
    )


@contextmanager
def hostile_sockets(port: int, addresses: int) -> Iterator[list[socket.socket]]:
    """Open sockets, the honest sender's address among theirs: idle, half a PDU, a byte a while."""
    request = associate_request((PHOTO_CONTEXT,))
    opened = [connect(port, 1 + one % addresses) for one in range(HOSTILE)]
    for one in opened[1::3]:
        say(one, request[: len(request) // 2])
    stop = threading.Event()
    drip = threading.Thread(target=drip_into, args=(opened[2::3], request, stop))
    drip.start()
    try:
        yield opened
    finally:
        stop.set()
        drip.join()
        for one in opened:
            one.close()


def connect(port: int, last: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30, source_address=(f"127.0.0.{last}", 0))


def say(connection: socket.socket, content: bytes) -> None:
    try:
        connection.sendall(content)
    except OSError:  # it made room for another one
        return


def drip_into(connections: list[socket.socket], content: bytes, stop: threading.Event) -> None:
    for at in range(len(content)):
        for one in connections:
            say(one, content[at : at + 1])
        if stop.wait(0.2):
            return
