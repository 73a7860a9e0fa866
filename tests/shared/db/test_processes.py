"""Who is alive, who is silent, and who is gone."""

from datetime import timedelta

from sqlalchemy import select, update

from shared.db.engine import Database, clock
from shared.db.processes import FORGOTTEN_AFTER, beat, forget_silent, process_name
from shared.db.tables import Event, Process


def silent_for(database: Database, silence: timedelta) -> None:
    with database.write() as session:
        beat(session, "worker")
        session.flush()
        session.execute(update(Process).values(seen_at=clock(session) - silence))


def names_left(database: Database) -> list[str]:
    with database.write() as session:
        forget_silent(session)
    with database.read() as session:
        return list(session.scalars(select(Process.name)))


def test_a_process_killed_long_ago_is_forgotten_with_an_event(database: Database) -> None:
    silent_for(database, FORGOTTEN_AFTER + timedelta(minutes=1))

    assert names_left(database) == []
    with database.read() as session:
        started, event = session.scalars(select(Event).order_by(Event.id)).all()
    assert started.name == "ProcessStarted"
    assert (event.name, event.details) == ("ProcessForgotten", {"process": process_name("worker")})


def test_a_process_silent_for_minutes_stays_in_sight(database: Database) -> None:
    silent_for(database, FORGOTTEN_AFTER - timedelta(minutes=1))

    assert names_left(database) == [process_name("worker")]


def test_a_forgotten_process_that_comes_back_is_listed_again(database: Database) -> None:
    silent_for(database, FORGOTTEN_AFTER * 2)
    assert names_left(database) == []

    with database.write() as session:
        beat(session, "worker")
    assert names_left(database) == [process_name("worker")]
