"""The spool has a ceiling, and what goes makes room again."""

from services.listener.room import Room
from services.listener.storage import InstanceStore, Status
from shared.db.engine import Database
from shared.db.ingest import open_association
from shared.spool import Spool
from tests import factories
from tests.services.listener.requests import SENDER, request_of


def room(spool: Spool, max_bytes: int, **changes: float) -> Room:
    return Room(spool, min_free_bytes=0, max_bytes=max_bytes, **changes)


def test_no_more_is_taken_than_the_ceiling_allows(spool: Spool) -> None:
    here = room(spool, 100)
    assert here.take(60)
    assert not here.take(41)
    assert here.take(40)
    assert not here.take()


def test_what_others_write_counts_and_what_is_removed_makes_room(spool: Spool) -> None:
    here = room(spool, 100, measured_for=0)
    spool.write("jobs/a/1/findings.npz", b"x" * 100)
    assert not here.take()
    assert not here.take(1)
    spool.remove("jobs/a")
    assert here.take(100)


def test_without_a_ceiling_only_the_disk_counts(spool: Spool) -> None:
    spool.write("jobs/a/1/findings.npz", b"x" * 100)
    assert room(spool, 0).take(1_000_000)
    assert not Room(spool, min_free_bytes=10**18, max_bytes=0).take()


def test_an_instance_above_the_ceiling_is_answered_out_of_resources_and_recovers(
    database: Database, spool: Spool
) -> None:
    request = request_of(factories.rgb_photo(factories.lesion_photo(4, 6)))
    with database.write() as session:
        association_id = open_association(session, "test", SENDER)
    spool.write("jobs/a/1/findings.npz", b"x" * 5000)
    full = InstanceStore(database, spool, min_free_bytes=0, max_bytes=5000)
    assert not full.has_room()
    assert full.store(request, SENDER, association_id) is Status.OUT_OF_RESOURCES
    assert spool.used_bytes() <= 5000
    spool.remove("jobs/a")
    later = InstanceStore(database, spool, min_free_bytes=0, max_bytes=5000)
    assert later.store(request, SENDER, association_id) is Status.SUCCESS
