"""What Orthanc has and never sent is pulled: a real Orthanc that forgets, as Orthanc does."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import select, update

from services.listener.bootstrap import Listener
from services.listener.reconcile import Reconciler, make_reconciler
from services.listener.settings import ListenerSettings, ReconcileSettings
from services.listener.storage import InstanceStore
from shared.db.engine import Database
from shared.db.ingest import close_association, open_association
from shared.db.jobs import open_job
from shared.db.pacs_tables import PacsInstance, PacsPosition
from shared.db.studies import freeze_complete_studies
from shared.db.tables import Association, Instance, QuarantinedInstance
from shared.errors import CutisError
from shared.orthanc import Orthanc
from shared.settings import Settings
from shared.spool import Spool
from tests.database import sqlite_database
from tests.integration.test_listener_orthanc import (
    changed_by_another,
    configuration,
    eventually,
    jobs,
    own_result,
    photo,
    received,
    upload,
    video,
)
from tests.orthanc import OrthancServer, free_port
from tests.services.listener.requests import SENDER, request_of
from tests.shared.db.rows import WHAT

pytestmark = [
    pytest.mark.integration,
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def orthanc(port: int, tmp_path: Path) -> Iterator[OrthancServer]:
    """Give an Orthanc that routes to ``port`` as in production."""
    server = OrthancServer(tmp_path)
    server.options = configuration(server, port, tmp_path)
    with server:
        yield server


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often the file of each instance was fetched."""
    count: Counter[str] = Counter()
    fetch = Orthanc.file

    def counting(self: Orthanc, pacs_id: str) -> bytes | None:
        count[pacs_id] += 1
        return fetch(self, pacs_id)

    monkeypatch.setattr(Orthanc, "file", counting)
    return count


def settings_for(orthanc: OrthancServer, **changes: object) -> ReconcileSettings:
    values: dict[str, object] = {"url": orthanc.url, "seconds": 0.2, "grace_seconds": 0.0}
    return ReconcileSettings.model_validate({**values, **changes})


@contextmanager
def listening(
    database: Database, folder: Path, port: int, orthanc: OrthancServer, **changes: object
) -> Iterator[None]:
    settings = Settings(database_url=database.url, spool=folder / "spool")
    own = ListenerSettings(port=port, allowed_ae_titles=("ORTHANC",), min_free_bytes=0)
    reconcile = settings_for(orthanc, **changes)
    listener = Listener(settings, own, reconcile, orthanc.pacs_settings())
    listener.start()
    try:
        yield
    finally:
        listener.stop()


def reconciler(
    orthanc: OrthancServer, database: Database, folder: Path, **changes: object
) -> Reconciler:
    """Return a reconciler without a listener around it."""
    own = ListenerSettings(name="test")
    store = InstanceStore(database, Spool(folder / "spool"), min_free_bytes=0)
    settings = settings_for(orthanc, **changes)
    return make_reconciler(settings, orthanc.pacs_settings(), own, database=database, store=store)


def reconcile(one: Reconciler) -> None:
    one.reconcile(threading.Event())


def position(database: Database) -> PacsPosition:
    with database.read() as session:
        return session.scalars(select(PacsPosition)).one()


def compare_again(database: Database) -> None:
    with database.write() as session:
        session.execute(update(PacsPosition).values(compared_at=None))


def test_a_study_that_became_stable_while_the_listener_was_down_comes_after_all(
    orthanc: OrthancServer, database: Database, tmp_path: Path, port: int
) -> None:
    with listening(database, tmp_path, port, orthanc):
        assert eventually(lambda: has_position(database))
    wanted = {upload(orthanc, photo()) for _ in range(3)}
    assert eventually(lambda: [one["State"] for one in jobs(orthanc)] == ["Failure"])
    assert received(database) == set()
    with listening(database, tmp_path, port, orthanc):
        assert eventually(lambda: received(database) == wanted)
    with database.read() as session:
        sender = session.scalars(select(Association)).one()
    assert (sender.calling_ae_title, sender.called_ae_title) == ("ORTHANC", "(reconciler)")
    assert sender.closed_at is not None
    assert sender.instances == 3
    with database.write() as session:
        (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
    assert len(revision.instance_ids) == 3


def has_position(database: Database) -> bool:
    with database.read() as session:
        return session.scalars(select(PacsPosition)).first() is not None


def test_a_study_comes_although_orthanc_was_killed_before_it_was_stable(
    orthanc: OrthancServer, database: Database, tmp_path: Path, port: int
) -> None:
    orthanc.stop()
    orthanc.options["StableAge"] = 600
    orthanc.start()
    reconcile(reconciler(orthanc, database, tmp_path))
    wanted = {upload(orthanc, photo()) for _ in range(3)}
    assert orthanc._process is not None
    os.kill(orthanc._process.pid, signal.SIGKILL)
    orthanc.stop()
    orthanc.start()
    with listening(database, tmp_path, port, orthanc):
        assert eventually(lambda: received(database) == wanted)
    assert jobs(orthanc) == []


def test_a_route_that_stopped_half_way_is_completed(
    orthanc: OrthancServer,
    database: Database,
    tmp_path: Path,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_room = InstanceStore.has_room
    full_at = iter([True, True, False])  # the third instance is answered A700

    def sometimes(self: InstanceStore, size: int = 0) -> bool:
        return has_room(self, size) and (not size or next(full_at, True))

    monkeypatch.setattr(InstanceStore, "has_room", sometimes)
    with listening(database, tmp_path, port, orthanc, grace_seconds=4):
        wanted = {upload(orthanc, photo()) for _ in range(6)}
        assert eventually(lambda: [one["State"] for one in jobs(orthanc)] == ["Failure"])
        assert len(received(database)) == 2
        assert eventually(lambda: received(database) == wanted)
    with database.read() as session:
        assert len(session.scalars(select(Instance)).all()) == 6


def test_what_is_pulled_and_then_sent_is_the_same_and_pulled_once(
    orthanc: OrthancServer,
    database: Database,
    tmp_path: Path,
    port: int,
    pulled: Counter[str],
) -> None:
    first = reconciler(orthanc, database, tmp_path)
    reconcile(first)
    before = position(database)
    wanted = {upload(orthanc, photo()), upload(orthanc, photo(Modality="OT"))}
    reconcile(first)
    assert received(database) == wanted
    assert position(database).change > before.change
    for _ in range(2):  # a new process, the full comparison again
        compare_again(database)
        reconcile(reconciler(orthanc, database, tmp_path))
    assert sorted(pulled.values()) == [1, 1]
    with listening(database, tmp_path, port, orthanc):
        body = {"Resources": [one["ID"] for one in orthanc.rest("/instances?expand")]}
        sent = requests.post(
            f"{orthanc.url}/modalities/cutis/store",
            json=body,
            auth=("cutis", "secret-of-the-test"),
            timeout=30,
        )
        assert sent.json()["FailedInstancesCount"] == 0
    with database.read() as session:
        assert [one.conflict for one in session.scalars(select(Instance))] == [False, False]


def test_what_the_change_log_no_longer_has_is_found_by_comparing(
    orthanc: OrthancServer, database: Database, tmp_path: Path
) -> None:
    reconcile(reconciler(orthanc, database, tmp_path))
    wanted = {upload(orthanc, photo())}
    requests.delete(f"{orthanc.url}/changes", auth=("cutis", "secret-of-the-test"), timeout=30)
    reconcile(reconciler(orthanc, database, tmp_path))
    assert received(database) == set()
    compare_again(database)
    reconcile(reconciler(orthanc, database, tmp_path))
    assert received(database) == wanted


def test_our_own_results_and_what_we_could_not_take_are_never_pulled(
    orthanc: OrthancServer, database: Database, tmp_path: Path, pulled: Counter[str]
) -> None:
    upload(orthanc, own_result())
    upload(orthanc, video())
    compared = 2
    for _ in range(compared):
        reconcile(reconciler(orthanc, database, tmp_path))
        compare_again(database)
    assert not pulled
    upload(orthanc, changed_by_another())  # tells only in a sequence whose it is
    for _ in range(compared):
        reconcile(reconciler(orthanc, database, tmp_path))
        compare_again(database)
    assert list(pulled.values()) == [1]
    with database.read() as session:
        assert session.scalars(select(Instance)).one().own_result
        assert session.scalars(select(PacsInstance)).all() == []


@pytest.mark.parametrize("filters", [{"modalities": "OCT,OP"}, {"ae_titles": "SKINCAM"}])
def test_what_the_site_excludes_is_not_pulled(
    filters: dict[str, str],
    orthanc: OrthancServer,
    database: Database,
    tmp_path: Path,
    pulled: Counter[str],
) -> None:
    upload(orthanc, photo())
    reconcile(reconciler(orthanc, database, tmp_path, **filters))
    assert not pulled
    assert received(database) == set()


def test_a_broken_instance_is_set_aside_once(
    orthanc: OrthancServer, database: Database, tmp_path: Path, pulled: Counter[str]
) -> None:
    upload(orthanc, photo(PixelData=None))
    for _ in range(3):
        reconcile(reconciler(orthanc, database, tmp_path))
        compare_again(database)
    assert list(pulled.values()) == [1]
    with database.read() as session:
        assert session.scalars(select(QuarantinedInstance)).one().code == "no-pixels"


def test_nothing_is_pulled_before_its_grace_time_is_over(
    orthanc: OrthancServer, database: Database, tmp_path: Path, pulled: Counter[str]
) -> None:
    upload(orthanc, photo())
    reconcile(reconciler(orthanc, database, tmp_path, grace_seconds=3600))
    assert not pulled
    with database.read() as session:
        assert session.scalars(select(PacsInstance)).one().due_at is not None


def test_an_orthanc_that_is_away_is_asked_less_often_and_loses_nothing(
    orthanc: OrthancServer, database: Database, tmp_path: Path
) -> None:
    one = reconciler(orthanc, database, tmp_path, longest_pause_seconds=1)
    reconcile(one)
    wanted = {upload(orthanc, photo())}
    orthanc.stop()
    with pytest.raises(CutisError, match="does not answer"):
        reconcile(one)
    with _running(one.run):
        orthanc.start()
        assert eventually(lambda: received(database) == wanted)


def test_an_index_that_was_made_anew_is_followed_from_its_own_numbers(
    orthanc: OrthancServer, database: Database, tmp_path: Path
) -> None:
    reconcile(reconciler(orthanc, database, tmp_path))
    with database.write() as session:
        session.execute(update(PacsPosition).values(change=10_000))
    wanted = {upload(orthanc, photo())}
    reconcile(reconciler(orthanc, database, tmp_path))
    assert position(database).change < 10_000
    assert received(database) == wanted


def test_an_image_that_retention_removed_is_fetched_for_the_job_that_waits_for_it(
    orthanc: OrthancServer, database: Database, tmp_path: Path, pulled: Counter[str]
) -> None:
    one, spool = reconciler(orthanc, database, tmp_path), Spool(tmp_path / "spool")
    upload(orthanc, photo())
    upload(orthanc, photo())
    reconcile(one)
    with database.write() as session:
        (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
        wanted, other = session.scalars(select(Instance).order_by(Instance.id))
        for row in (wanted, other):
            spool.remove(str(row.spool_key))
            row.spool_key = None
        open_job(
            session,
            revision,
            key="key",
            model="layers",
            model_version="1",
            weights_digest="digest",
            parameters={},
            instance_ids=[wanted.id],
        )
    pulled.clear()
    reconcile(one)
    reconcile(one)
    assert list(pulled.values()) == [1]
    with database.read() as session:
        rows = session.scalars(select(Instance).order_by(Instance.id)).all()
    assert spool.path(str(rows[0].spool_key)).is_file()
    assert rows[1].spool_key is None


def test_an_image_that_came_in_another_encoding_is_fetched_from_the_archive_too(
    orthanc: OrthancServer, database: Database, tmp_path: Path
) -> None:
    spool, sent = Spool(tmp_path / "spool"), photo()
    upload(orthanc, sent)
    sent.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # as the archive may have sent it
    store = InstanceStore(database, spool, min_free_bytes=0)
    with database.write() as session:
        association_id = open_association(session, "test", SENDER)
    store.store(request_of(sent), SENDER, association_id)
    with database.write() as session:
        close_association(session, association_id)
        (revision,) = freeze_complete_studies(session, quiet_seconds=0, max_age_seconds=3600)
        (row,) = session.scalars(select(Instance))
        spool.remove(str(row.spool_key))
        row.spool_key = None
        open_job(session, revision, key="key", instance_ids=[row.id], **WHAT)
    reconcile(reconciler(orthanc, database, tmp_path))
    with database.read() as session:
        (again,) = session.scalars(select(Instance))
    assert again.sha256 == row.sha256
    assert spool.path(str(again.spool_key)).read_bytes() != request_of(sent).part10()


@contextmanager
def _running(target: Callable[[threading.Event], None]) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=target, args=(stopping,))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
