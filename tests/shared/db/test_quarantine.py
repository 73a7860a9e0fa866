import pytest

from shared.db.engine import Database
from shared.db.ingest import record_quarantine
from shared.db.quarantine import (
    discard_quarantined,
    end_release,
    hold_again,
    list_released,
    release_quarantined,
)
from shared.db.views import list_quarantined
from shared.states import IllegalMoveError, QuarantineState
from tests.shared.db.rows import SENDER, spooled


def set_aside(database: Database, content: str = "bytes") -> int:
    with database.write() as session:
        record_quarantine(session, spooled(content), code="structure", reason="cut", sender=SENDER)
    with database.read() as session:
        return list_quarantined(session)[0][0].id


def state(database: Database) -> tuple[str, str]:
    with database.read() as session:
        (one,), _ = list_quarantined(session)
    return one.state, one.code


def test_a_release_waits_for_the_listener_and_ends(database: Database) -> None:
    number = set_aside(database)
    with database.write() as session:
        assert list_released(session) == []
        release_quarantined(session, number, by="operator")
        assert [one.id for one in list_released(session)] == [number]
        assert end_release(session, number) == spooled().key
        assert list_released(session) == []
    assert state(database)[0] is QuarantineState.RELEASED


def test_what_still_cannot_be_accepted_is_held_again_with_the_reason_of_today(
    database: Database,
) -> None:
    number = set_aside(database)
    with database.write() as session:
        release_quarantined(session, number, by="operator")
        hold_again(session, number, code="bad-uid", reason="no UID")
        assert list_released(session) == []
    assert state(database) == (QuarantineState.HELD, "bad-uid")
    with database.write() as session:
        release_quarantined(session, number, by="operator")


def test_a_second_listener_that_comes_too_late_changes_nothing(database: Database) -> None:
    number = set_aside(database)
    with database.write() as session:
        release_quarantined(session, number, by="operator")
        assert end_release(session, number) is not None
        assert end_release(session, number) is None
        assert not hold_again(session, number, code="gone", reason="no file")
    assert state(database) == (QuarantineState.RELEASED, "structure")


def test_bytes_that_come_again_after_a_decision_are_held_again(database: Database) -> None:
    number = set_aside(database)
    with database.write() as session:
        discard_quarantined(session, number, by="operator")
    assert set_aside(database) == number
    assert state(database) == (QuarantineState.HELD, "structure")
    with database.write() as session:
        release_quarantined(session, number, by="operator")
    set_aside(database)
    assert state(database)[0] is QuarantineState.RELEASED, "it waits for the listener already"
    with database.write() as session:
        end_release(session, number)
    set_aside(database)
    assert state(database)[0] is QuarantineState.HELD


@pytest.mark.parametrize("decide", [release_quarantined, discard_quarantined])
def test_nobody_decides_twice_or_on_nothing(database: Database, decide: object) -> None:
    assert callable(decide)
    number = set_aside(database)
    with database.write() as session:
        discard_quarantined(session, number, by="operator")
    with database.write() as session, pytest.raises(IllegalMoveError, match="discarded already"):
        decide(session, number, by="operator")
    with database.write() as session, pytest.raises(KeyError):
        decide(session, number + 1, by="operator")
