"""Events are the audit trail: they are added, and nothing in the code changes or removes one."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db.engine import Database
from shared.db.events import record_event
from shared.db.tables import Event

ROOT = Path(__file__).parents[3]
CHANGES = re.compile(r"\b(update|delete)\(\s*Event\b|(UPDATE|DELETE FROM) event\b")


def code() -> dict[str, str]:
    found = {}
    for package in ("shared", "services", "workers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            found[path.relative_to(ROOT).as_posix()] = path.read_text()
    return found


def test_only_one_place_writes_events_and_none_changes_them() -> None:
    writers = [name for name, text in code().items() if re.search(r"\bEvent\(\s*at=", text)]
    changers = [name for name, text in code().items() if CHANGES.search(text)]

    assert writers == ["shared/db/events.py"]
    assert changers == []


class TurnedBackError(Exception):
    pass


def record_and_turn_back(database: Database) -> None:
    with database.write() as session:
        record_event(session, "Undone")
        session.flush()
        raise TurnedBackError


def test_an_event_goes_with_its_transaction(database: Database) -> None:
    with pytest.raises(TurnedBackError):
        record_and_turn_back(database)
    with database.write() as session:
        record_event(session, "Done", number=1)
    with database.read() as session:
        (kept,) = session.scalars(select(Event)).all()
    assert (kept.name, kept.details) == ("Done", {"number": 1})
