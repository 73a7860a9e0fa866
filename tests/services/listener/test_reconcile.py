"""One thing that Orthanc cannot give does not hold up the others: an Orthanc made of answers."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from services.listener import pull
from services.listener.reconcile import Reconciler, make_reconciler
from services.listener.settings import ListenerSettings, ReconcileSettings
from services.listener.storage import InstanceStore
from shared.db.engine import Database, clock
from shared.db.pacs import (
    count_overdue,
    count_put_off,
    follow_only,
    seconds_since_pass,
)
from shared.db.pacs_tables import PacsInstance, PacsPosition
from shared.db.tables import Association, Instance
from shared.errors import AwayError
from shared.settings import PacsSettings
from shared.spool import Spool
from tests import factories
from tests.database import sqlite_database
from tests.json_server import served

IMAGES = {
    f"id{n}": factories.rgb_photo(factories.lesion_photo(4, 6), SOPInstanceUID=f"1.2.3.{n}")
    for n in range(4)
}
FILES = {name: factories.part10(one) for name, one in IMAGES.items()}


class Archive:
    """What the fake Orthanc answers; ``broken`` paths are answered 500."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.gone = False
        self.falls_over_at = ""
        self.log = list(FILES)  # what the change log has

    def answer(self, path: str, _: Any, body: bytes) -> tuple[int, object]:
        self.gone = self.gone or path == self.falls_over_at
        if self.gone or path in self.broken:
            return 500, {"OrthancError": "Corrupted file"}
        if path.startswith("/changes?last"):
            return 200, {"Last": 0}
        if path.startswith("/changes"):
            since = int(path.split("since=")[1].split("&", maxsplit=1)[0])
            new = [{"ID": one, "ChangeType": "NewInstance"} for one in self.log][since:]
            return 200, {"Changes": new, "Last": len(self.log), "Done": True}
        if path.startswith("/studies?"):
            return 200, [{"ID": "bad"}, {"ID": "good", "LastUpdate": "20991231T000000"}]
        if path.startswith("/studies/"):
            uid = str(IMAGES["id3"].SOPInstanceUID)
            return 200, [{"ID": "id3", "MainDicomTags": {"SOPInstanceUID": uid}}]
        if path.startswith("/instances/"):
            return 200, FILES[path.split("/")[2]]
        return 200, [self._resource(one) for one in json.loads(body)["Resources"]]

    def _resource(self, name: str) -> dict[str, Any]:
        if name not in IMAGES:
            return {"ID": name, "MainDicomTags": {"Modality": "XC", "Manufacturer": "X"}}
        image = IMAGES[name]
        syntax = str(image.file_meta.TransferSyntaxUID)
        return {
            "ID": name,
            "ParentSeries": f"of-{name}",
            "FileSize": len(FILES[name]),
            "MainDicomTags": {"SOPInstanceUID": str(image.SOPInstanceUID)},
            "Metadata": {"SopClassUid": str(image.SOPClassUID), "TransferSyntax": syntax},
        }


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def reconciler(archive: Archive, database: Database, tmp_path: Path) -> Iterator[Reconciler]:
    with served(archive.answer) as url:
        yield make_reconciler(
            ReconcileSettings(url=url, grace_seconds=0),
            PacsSettings(timeout_seconds=5),
            ListenerSettings(name="test"),
            database=database,
            store=InstanceStore(database, Spool(tmp_path / "spool"), min_free_bytes=0),
        )


def received(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Instance)).all())


def figures(database: Database) -> tuple[int, int]:
    with database.read() as session:
        return count_overdue(session), count_put_off(session)


def test_an_instance_that_orthanc_cannot_read_does_not_hold_up_the_others(
    archive: Archive, reconciler: Reconciler, database: Database
) -> None:
    archive.broken = {"/instances/id0/file"}
    reconciler.reconcile(threading.Event())
    assert received(database) == 3
    assert figures(database) == (0, 1)
    archive.broken = set()
    with database.write() as session:
        session.execute(update(PacsInstance).values(due_at=clock(session)))
    reconciler.reconcile(threading.Event())
    assert received(database) == 4
    assert figures(database) == (0, 0)


def test_each_failure_puts_an_instance_off_for_longer(
    archive: Archive, reconciler: Reconciler, database: Database
) -> None:
    archive.broken = {"/instances/id0/file"}
    waits = []
    for _ in range(3):
        reconciler.reconcile(threading.Event())
        with database.write() as session:
            row = session.scalars(select(PacsInstance)).one()
            assert row.due_at is not None
            waits.append(row.due_at - clock(session))
            row.due_at = clock(session)
    assert waits[0] < timedelta(minutes=1) < waits[1] < timedelta(minutes=2) < waits[2]


def test_a_study_that_orthanc_cannot_list_does_not_stop_the_comparison(
    archive: Archive, reconciler: Reconciler, database: Database
) -> None:
    archive.broken, archive.log = {"/studies/bad/instances"}, []
    reconciler.reconcile(threading.Event())
    assert received(database) == 1
    with database.read() as session:
        assert session.scalars(select(PacsPosition)).one().compared_at is not None


def test_an_archive_that_is_away_puts_off_one_instance_and_ends_the_round(
    archive: Archive, reconciler: Reconciler, database: Database
) -> None:
    archive.falls_over_at = "/instances/id1/file"
    with pytest.raises(AwayError):
        reconciler.reconcile(threading.Event())
    assert received(database) == 1
    assert figures(database) == (2, 1)


def test_a_round_that_looked_at_everything_says_when(
    archive: Archive, reconciler: Reconciler, database: Database
) -> None:
    with database.read() as session:
        assert seconds_since_pass(session) is None
    reconciler.reconcile(threading.Event())
    with database.write() as session:
        an_hour_ago = clock(session) - timedelta(hours=1)
        session.execute(update(PacsPosition).values(passed_at=an_hour_ago))
    archive.gone = True
    with pytest.raises(AwayError):
        reconciler.reconcile(threading.Event())
    with database.read() as session:
        age = seconds_since_pass(session)
    assert age is not None
    assert age >= 3600
    archive.gone = False
    reconciler.reconcile(threading.Event())
    with database.read() as session:
        again = seconds_since_pass(session)
    assert again is not None
    assert again < 3600


def test_a_round_that_could_not_close_its_association_closes_it_after_the_next(
    reconciler: Reconciler, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise ValueError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(pull, "close_association", down)
        with pytest.raises(ValueError, match="away"):
            reconciler.reconcile(threading.Event())
    reconciler.reconcile(threading.Event())
    with database.read() as session:
        (row,) = session.scalars(select(Association)).all()
    assert row.closed_at is not None


def test_of_a_former_archive_everything_is_kept_and_nothing_waited_for(
    reconciler: Reconciler, archive: Archive, database: Database
) -> None:
    archive.broken = {"/instances/id0/file"}
    reconciler.reconcile(threading.Event())
    with database.write() as session:
        session.execute(update(PacsInstance).values(due_at=clock(session)))
        follow_only(session, "another.example:8042")
        assert seconds_since_pass(session) is None
    assert figures(database) == (0, 0)
    with database.write() as session:
        follow_only(session, reconciler.pacs)
        assert seconds_since_pass(session) is not None
    assert figures(database) == (1, 1)
