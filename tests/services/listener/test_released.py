"""What an operator lets go of the quarantine is judged once more."""

import os
import threading
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import select

from services.listener import storage
from services.listener.released import ReleasedInstances
from services.listener.storage import InstanceStore
from shared.db.engine import Database
from shared.db.ingest import open_association
from shared.db.quarantine import release_quarantined
from shared.db.tables import Instance, QuarantinedInstance
from shared.errors import BadInputError
from shared.spool import Spool
from tests import factories
from tests.services.listener.requests import SENDER, request_of


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydicom.config.settings, "_reading_validation_mode", pydicom.config.IGNORE)


@pytest.fixture
def store(database: Database, spool: Spool) -> InstanceStore:
    return InstanceStore(database, spool, min_free_bytes=0)


@pytest.fixture
def released(database: Database, spool: Spool, store: InstanceStore) -> ReleasedInstances:
    return ReleasedInstances(database, spool, store, "CUTIS")


@pytest.fixture
def quarantined(
    database: Database, store: InstanceStore, monkeypatch: pytest.MonkeyPatch
) -> QuarantinedInstance:
    """Set a good photo aside, as a version of the guard with a fault would."""

    def refuse(*_: object) -> None:
        raise BadInputError("a fault of ours", code="structure")

    with monkeypatch.context() as old:
        old.setattr(storage, "read_manifest", refuse)
        with database.write() as session:
            association_id = open_association(session, "test", SENDER)
        photo = factories.rgb_photo(factories.lesion_photo(4, 6))
        store.store(request_of(photo), SENDER, association_id)
    with database.write() as session:
        row = session.scalars(select(QuarantinedInstance)).one()
        release_quarantined(session, row.id, by="operator")
        session.flush()
        session.expunge(row)
    return row


def file_of(spool: Spool, row: QuarantinedInstance) -> Path:
    assert row.spool_key is not None
    return spool.path(row.spool_key)


def test_a_released_instance_is_taken_in_byte_for_byte(
    released: ReleasedInstances, database: Database, spool: Spool, quarantined: QuarantinedInstance
) -> None:
    content = file_of(spool, quarantined).read_bytes()
    os.utime(file_of(spool, quarantined), (0, 0))  # set aside long ago

    released.take_all()

    with database.read() as session:
        instance = session.scalars(select(Instance)).one()
        row = session.scalars(select(QuarantinedInstance)).one()
    assert instance.sha256 == quarantined.sha256
    assert spool.path(str(instance.spool_key)).read_bytes() == content
    assert (row.state, row.spool_key) == ("released", None)
    assert not file_of(spool, quarantined).exists()


def test_what_the_guard_still_refuses_is_held_with_its_bytes(
    released: ReleasedInstances,
    database: Database,
    spool: Spool,
    quarantined: QuarantinedInstance,
) -> None:
    file_of(spool, quarantined).write_bytes(b"no DICOM")

    released.take_all()

    with database.read() as session:
        row = session.scalars(select(QuarantinedInstance)).one()
        assert session.scalars(select(Instance)).all() == []
    assert (row.state, row.code) == ("held", "unreadable")
    assert file_of(spool, row).exists()


def test_bytes_that_are_gone_are_said_to_be(
    released: ReleasedInstances, database: Database, spool: Spool, quarantined: QuarantinedInstance
) -> None:
    file_of(spool, quarantined).unlink()

    released.take_all()

    with database.read() as session:
        row = session.scalars(select(QuarantinedInstance)).one()
    assert (row.state, row.code) == ("held", "gone")


def test_a_spool_that_is_not_there_takes_no_bytes_for_gone(
    released: ReleasedInstances, database: Database, spool: Spool, quarantined: QuarantinedInstance
) -> None:
    folder = spool.path("quarantine")
    folder.rename(away := folder.with_name("away"))

    released.take_all()

    away.rename(folder)
    released.take_all()
    with database.read() as session:
        assert session.scalars(select(Instance.sha256)).all() == [quarantined.sha256]


def test_a_short_disk_leaves_it_released_for_the_next_look(
    released: ReleasedInstances,
    database: Database,
    store: InstanceStore,
    quarantined: QuarantinedInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping = threading.Event()

    def no_room(*_: object) -> bool:
        stopping.set()
        return False

    with monkeypatch.context() as short:
        short.setattr(store, "has_room", no_room)
        released.run(stopping, 0.001)
    with database.read() as session:
        assert session.scalars(select(QuarantinedInstance.state)).all() == ["released"]
    released.take_all()

    with database.read() as session:
        assert session.scalars(select(Instance.sha256)).all() == [quarantined.sha256]
