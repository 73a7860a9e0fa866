"""Every bad input gets the answer that ``expected.yaml`` promises, over a real socket."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from services.listener.instance import StoreRequest
from shared.db.tables import Instance, QuarantinedInstance
from tests.badinput.cases_identity import identity_cases
from tests.badinput.cases_pixels import pixel_cases
from tests.badinput.cases_structure import structure_cases
from tests.badinput.cases_wire import wire_cases
from tests.badinput.decoding import decode_apart
from tests.badinput.expected import Expected, expected
from tests.badinput.process import MEBIBYTE, ListenerProcess, eventually, log_lines
from tests.badinput.surgery import photo
from tests.badinput.table import Show
from tests.badinput.wire import Peer, send_to

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(900)]

MOST_GROWTH = 100 * MEBIBYTE
MOST_DECODING = 700 * MEBIBYTE  # Python with the decoders takes about 300 by itself


def stored_cases() -> Mapping[str, StoreRequest]:
    return {**structure_cases(), **identity_cases(), **pixel_cases()}


def test_every_case_has_an_expectation_and_there_are_enough() -> None:
    assert not set(stored_cases()) & set(wire_cases())
    assert set(expected()) == {*stored_cases(), *wire_cases()}
    assert len(expected()) >= 80


def test_every_bad_instance_gets_its_answer(listener: ListenerProcess, show: Show) -> None:
    before = listener.cost()
    cases = stored_cases()
    answers = {name: send(listener, request) for name, request in cases.items()}
    decoded = decode(listener, [name for name in cases if expected()[name].job])
    got = {
        name: Expected(
            answer=answers[name],
            code=code_of(listener, request) if answers[name] == "B007" else "",
            job=decoded.get(name, ""),
        )
        for name, request in cases.items()
    }
    after = listener.settled_cost()
    report(show, "instances", got)
    show("listener", [("before", before), ("after", after)])
    show("decoding", [("peak MiB", int(decoded[""]) // MEBIBYTE)])
    assert differences(got) == {}
    assert after.resident - before.resident < MOST_GROWTH
    assert int(decoded[""]) < MOST_DECODING
    assert_well(listener)


def test_every_broken_conversation_gets_its_answer(listener: ListenerProcess, show: Show) -> None:
    before = listener.settled_cost()
    got = {}
    for name, converse in wire_cases().items():
        with Peer(listener.port) as peer:
            got[name] = Expected(answer=converse(peer))
    after = listener.settled_cost()
    report(show, "conversations", got)
    show("listener", [("before", before), ("after", after)])
    assert differences(got) == {}
    assert eventually(lambda: listener.cost().threads <= before.threads)
    assert eventually(lambda: listener.cost().descriptors <= before.descriptors + 2)
    assert after.resident - before.resident < MOST_GROWTH
    assert_well(listener)


def test_the_log_quotes_nothing_that_was_sent(listener: ListenerProcess) -> None:
    log_lines(listener.log)  # every line is JSON: no warning or traceback of a library
    text = listener.log.read_text(encoding="utf-8")
    for canary in ("Sample", "SKIN001", "evil", "script", "forged", "ISO_IR", "99999999"):
        assert canary not in text, canary


def assert_well(listener: ListenerProcess) -> None:
    """Send one more good instance."""
    request = photo("good-after-all")
    assert send(listener, request) == "0000"
    decoded = decode_apart([path_of(listener, request)])
    assert decoded[str(path_of(listener, request))] == "decoded"


def send(listener: ListenerProcess, request: StoreRequest) -> str:
    return send_to(listener.port, request)


def decode(listener: ListenerProcess, names: list[str]) -> dict[str, str]:
    """Decode what was taken as a model's actor would; by name of the case."""
    cases = stored_cases()
    paths = {name: path_of(listener, cases[name]) for name in names}
    found = decode_apart(paths.values())
    return {"": found[""], **{name: found[str(path)] for name, path in paths.items()}}


def path_of(listener: ListenerProcess, request: StoreRequest) -> Path:
    with listener.database.read() as session:
        key = session.scalars(
            select(Instance.spool_key).where(Instance.sha256 == digest(request))
        ).one()
    assert key is not None
    path = listener.spool.path(key)
    assert path.read_bytes().endswith(request.data_set)
    return path


def code_of(listener: ListenerProcess, request: StoreRequest) -> str:
    """Return why an instance was set aside; its bytes must be kept as they came."""
    with listener.database.read() as session:
        row = session.scalars(
            select(QuarantinedInstance).where(QuarantinedInstance.sha256 == digest(request))
        ).one_or_none()
        conflict = session.scalars(
            select(Instance.conflict).where(Instance.sha256 == digest(request))
        ).one_or_none()
    if row is None:
        return "conflict" if conflict else "lost"
    assert row.reason
    assert row.spool_key is not None
    assert listener.spool.path(row.spool_key).read_bytes().endswith(request.data_set)
    return row.code


def digest(request: StoreRequest) -> str:
    return hashlib.sha256(request.part10()).hexdigest()


def differences(got: Mapping[str, Expected]) -> dict[str, tuple[Expected, Expected]]:
    """Return what was expected and what came, where they differ."""
    apart = {"routed": "", "why": ""}  # nothing is routed here: see test_study.py
    wanted = {name: expected()[name].model_copy(update=apart) for name in got}
    return {name: (wanted[name], one) for name, one in got.items() if wanted[name] != one}


def report(show: Show, title: str, got: Mapping[str, Expected]) -> None:
    different = differences(got)
    rows = [
        (name, one.answer, one.code, one.job, "DIFFERS" if name in different else "ok")
        for name, one in got.items()
    ]
    show(f"{title}: {len(rows)} cases, {len(different)} differ", rows)
