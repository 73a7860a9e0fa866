"""Thousands of broken conversations: the process lives, and nothing of them stays behind."""

import random
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.db.tables import Association
from tests.badinput.cases_wire import PHOTO_CONTEXT
from tests.badinput.process import MEBIBYTE, ListenerProcess, eventually
from tests.badinput.surgery import photo
from tests.badinput.table import Show
from tests.badinput.test_catalogue import send
from tests.badinput.wire import associate_request, p_data, pdu, store_command

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(1800)]

MUTATIONS, CROWD, SEED, SENDERS = 3000, 300, 20260101, 6


def test_mutated_conversations_leave_nothing_behind(listener: ListenerProcess, show: Show) -> None:
    assert send(listener, photo("before-mutations")) == "0000"
    with ThreadPoolExecutor(SENDERS) as senders:
        # The first crowd makes the process as large as a crowd needs: heaps of threads, code.
        ends = list(senders.map(lambda number: converse(listener.port, number), range(CROWD)))
        before = listener.settled_cost()
        rest = range(CROWD, MUTATIONS)
        ends += senders.map(lambda number: converse(listener.port, number), rest)
    assert send(listener, photo("after-mutations")) == "0000"
    assert eventually(lambda: listener.cost().threads <= before.threads, 60)
    assert eventually(lambda: listener.cost().descriptors <= before.descriptors, 60)
    after = listener.cost()
    rows: list[tuple[object, ...]] = [("conversations", MUTATIONS, "seed", SEED)]
    rows += [(end, ends.count(end), "", "") for end in sorted(set(ends))]
    show("mutations", rows)
    show("listener", [("before", before), ("after", after)])
    assert after.resident - before.resident < 100 * MEBIBYTE
    assert eventually(lambda: listener.count(Association, Association.closed_at.is_(None)) == 0)


def converse(port: int, number: int) -> str:
    """Hold one broken conversation; say how it ended."""
    source = (f"127.0.0.{10 + number % SENDERS}", 0)
    with socket.create_connection(("127.0.0.1", port), 20, source_address=source) as connection:
        try:
            connection.sendall(b"".join(mutated(random.Random(SEED + number))))
            connection.shutdown(socket.SHUT_WR)
            answered = any(iter(lambda: bool(connection.recv(4096)), False))
            while connection.recv(4096):
                pass
        except TimeoutError:
            return "left open"
        except OSError:
            return "reset"
    return "answered and closed" if answered else "closed"


def conversation() -> list[bytes]:
    """Return a good conversation: associate, store, release."""
    good = photo("mutated")
    command = store_command(good.sop_class_uid, good.sop_instance_uid)
    return [
        associate_request((PHOTO_CONTEXT,)),
        p_data(1, command, is_command=True),
        p_data(1, good.data_set[:300], last=False),
        p_data(1, good.data_set[300:]),
        pdu(5, bytes(4)),
    ]


def mutated(chance: random.Random) -> list[bytes]:
    """Return the good conversation with one to five changes."""
    pdus = [bytearray(one) for one in conversation()]
    for _ in range(chance.choice([1, 1, 2, 5])):
        if not pdus:
            break
        one = chance.choice(pdus)
        kind = chance.random()
        if kind < 0.5 and one:
            one[chance.randrange(len(one))] = chance.randrange(256)
        elif kind < 0.65 and len(one) > 12:
            at = chance.randrange(6, len(one) - 4)
            lie = chance.choice([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
            one[at : at + 4] = struct.pack(">L", lie)
        elif kind < 0.75:
            pdus.insert(chance.randrange(len(pdus) + 1), bytearray(chance.choice(pdus)))
        elif kind < 0.85:
            pdus.remove(one)
        elif one:
            del one[chance.randrange(len(one)) :]
    return [bytes(one) for one in pdus]


def test_the_mutations_are_the_same_every_time_and_do_change_something() -> None:
    good = b"".join(conversation())
    first = [b"".join(mutated(random.Random(SEED + one))) for one in range(100)]
    assert first == [b"".join(mutated(random.Random(SEED + one))) for one in range(100)]
    assert sum(one != good for one in first) > 95
