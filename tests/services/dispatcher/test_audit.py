from datetime import timedelta
from xml.etree.ElementTree import fromstring

from sqlalchemy import select, update

from services.dispatcher.audit import AuditRelay
from shared.db.engine import Database, clock
from shared.db.events import record_event
from shared.db.ingest import Sender
from shared.db.operations import cancel_job
from shared.db.processes import beat, say_goodbye
from shared.db.refusals import record_refusal
from shared.db.tables import Event
from shared.errors import TransientError
from tests.services.api.rows import frozen, routed

STRANGER = Sender(calling_ae_title="X", called_ae_title="CUTIS", peer_address="10.0.0.9")


class Repository:
    """Keeps what it is sent; answers only every second time if it is moody."""

    name = "repository"

    def __init__(self, *, moody: bool = False) -> None:
        self.meanings: list[str] = []
        self._moody, self._calls = moody, 0

    def send(self, message: bytes, at: str) -> None:
        self._calls += 1
        if self._moody and self._calls % 2:
            raise TransientError("away")
        assert at
        code = fromstring(message).find("EventIdentification/EventID")
        assert code is not None
        self.meanings.append(code.attrib["originalText"])


def fill(database: Database) -> None:
    with database.write() as session:
        beat(session, "api")
        (job,) = routed(session, frozen(session, "1.2.3"), "layers")
        cancel_job(session, job.id, code="operator", reason="cancelled", by="night-shift")
        record_refusal(session, STRANGER, "calling AE title is not allowed")
        record_refusal(session, STRANGER, "calling AE title is not allowed")
        say_goodbye(session, "api")


TRAIL = [
    "Application Activity",
    "DICOM Instances Transferred",
    "Procedure Record",
    "Security Alert",
    "Application Activity",
]


def test_every_audited_event_is_sent_once_in_its_order(database: Database) -> None:
    fill(database)
    repository = Repository()

    AuditRelay(database, [repository], 0).beat()
    AuditRelay(database, [repository], 0).beat()  # a restart: the position is in the database

    assert repository.meanings == TRAIL


def test_a_repository_that_comes_and_goes_misses_nothing(database: Database) -> None:
    fill(database)
    repository = Repository(moody=True)
    relay = AuditRelay(database, [repository], 0)

    for _ in range(2 * len(TRAIL)):
        relay.beat()

    assert repository.meanings == TRAIL


class Away(Repository):
    """Takes nothing."""

    name = "away"

    def send(self, message: bytes, at: str) -> None:
        raise TransientError("away")


def test_a_channel_that_is_away_neither_holds_up_nor_repeats_another(database: Database) -> None:
    fill(database)
    repository, late = Repository(), Repository()

    for _ in range(3):
        AuditRelay(database, [Away(), repository], 0).beat()
    assert repository.meanings == TRAIL

    vars(late)["name"] = Away.name  # it is back
    AuditRelay(database, [late, repository], 0).beat()
    assert (late.meanings, repository.meanings) == (TRAIL, TRAIL)


def test_a_channel_that_comes_later_starts_where_the_trail_has_got_to(database: Database) -> None:
    fill(database)
    first, later = Repository(), Repository()
    vars(later)["name"] = "later"
    AuditRelay(database, [first], 0).beat()

    relay = AuditRelay(database, [first, later], 0)
    relay.beat()
    with database.write() as session:
        record_event(session, "QueuePaused", queue="layers", by="night-shift")
    relay.beat()

    assert later.meanings == ["Procedure Record"]
    assert first.meanings == [*TRAIL, "Procedure Record"]


def test_events_wait_until_transactions_that_began_before_them_have_ended(
    database: Database,
) -> None:
    fill(database)
    repository = Repository()
    relay = AuditRelay(database, [repository], settle_seconds=30)

    relay.beat()
    assert repository.meanings == []
    with database.write() as session:
        ids = session.scalars(select(Event.id).order_by(Event.id)).all()
        past = clock(session) - timedelta(seconds=31)
        session.execute(update(Event).where(Event.id == ids[0]).values(at=past))
    relay.beat()

    assert repository.meanings == TRAIL[:1]


def test_without_a_channel_nothing_counts_as_sent(database: Database) -> None:
    fill(database)
    AuditRelay(database, [], 0).beat()
    repository = Repository()

    AuditRelay(database, [repository], 0).beat()

    assert repository.meanings == TRAIL


def test_more_events_than_one_batch_are_all_sent(database: Database) -> None:
    with database.write() as session:
        for number in range(250):
            record_event(session, "ProcessStarted", process=f"worker@host:{number}")
    repository = Repository()

    AuditRelay(database, [repository], 0).beat()

    assert len(repository.meanings) == 250
