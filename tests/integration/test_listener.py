"""The listener over real sockets, with pynetdicom and dcmtk as senders."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from sqlalchemy import func, select

from services.listener.bootstrap import Listener
from services.listener.budget import Budget
from services.listener.settings import ListenerSettings
from shared.db.engine import Database
from shared.db.ingest import Sender, open_association
from shared.db.pacs import await_instances, count_overdue, save_position, seconds_since_pass
from shared.db.tables import Association as AssociationRow
from shared.db.tables import (
    Instance,
    Process,
    QuarantinedInstance,
    RefusedInstance,
    RefusedSender,
)
from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.transport import Requestor
from tests import factories
from tests.database import sqlite_database

pytestmark = [
    pytest.mark.integration,
]

VERIFICATION = "1.2.840.10008.1.1"
SUCCESS, SET_ASIDE, OUT_OF_RESOURCES, UNEXPECTED = 0x0000, 0xB007, 0xA700, 0xC211

StartListener = Callable[..., int]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(database_url=database.url, spool=tmp_path / "spool", heartbeat_seconds=0.1)


@pytest.fixture
def start(settings: Settings) -> Iterator[StartListener]:
    """Give a function that starts a listener with the settings it is given."""
    started = []

    def start_one(**own: Any) -> int:
        chosen = {
            "port": free_port(),
            "allowed_ae_titles": ("PACS",),
            "min_free_bytes": 0,
            "pdu_seconds": 0.5,
            "request_seconds": 0.5,
            "drain_seconds": 0.2,
        }
        listener = Listener(settings, ListenerSettings(**{**chosen, **own}))
        listener.start()
        started.append(listener)
        return int({**chosen, **own}["port"])

    yield start_one
    for listener in started:
        listener.stop()


@contextmanager
def association(
    port: int,
    dataset: pydicom.Dataset | None = None,
    *,
    calling: str = "PACS",
    called: str = "CUTIS",
) -> Iterator[Association]:
    entity = Requestor(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.add_requested_context(VERIFICATION)
    if dataset is not None:
        syntax = dataset.file_meta.TransferSyntaxUID
        entity.add_requested_context(dataset.SOPClassUID, syntax)
    opened = entity.associate("127.0.0.1", port, ae_title=called)
    try:
        yield opened
    finally:
        if opened.is_established:
            opened.release()


def photo(**attributes: Any) -> pydicom.Dataset:
    return factories.rgb_photo(factories.lesion_photo(4, 6), **attributes)


def send(port: int, *datasets: pydicom.Dataset) -> list[int]:
    with association(port, datasets[0]) as opened:
        assert opened.is_established
        return [int(opened.send_c_store(one).Status) for one in datasets]


def count(database: Database, table: type[Any], *where: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


def test_an_echo_is_answered(start: StartListener) -> None:
    with association(start()) as opened:
        assert opened.send_c_echo().Status == SUCCESS


@pytest.mark.parametrize(
    "dataset",
    [
        factories.rgb_photo(),
        factories.jpeg_photo(),
        factories.byte_stack(),
        factories.word_stack(),
        factories.confocal_sc(),
    ],
    ids=lambda dataset: dataset.SeriesDescription,
)
def test_every_kind_of_image_is_taken(
    dataset: pydicom.Dataset, start: StartListener, database: Database, settings: Settings
) -> None:
    assert send(start(), dataset) == [SUCCESS]
    with database.read() as session:
        row = session.scalars(select(Instance)).one()
    assert row.calling_ae_title == "PACS"
    kept = pydicom.dcmread(settings.spool / str(row.spool_key))
    assert kept.pixel_array.shape == dataset.pixel_array.shape


def test_a_duplicate_is_success_and_a_conflict_is_a_warning(
    start: StartListener, database: Database
) -> None:
    changed = photo(SeriesDescription="changed")
    assert send(start(), photo(), photo(), changed) == [SUCCESS, SUCCESS, SET_ASIDE]
    assert count(database, Instance) == 2
    assert count(database, Instance, Instance.conflict) == 1


def test_a_truncated_instance_is_quarantined_and_the_next_one_still_taken(
    start: StartListener, database: Database
) -> None:
    dataset = photo()
    port = start()
    with association(port, dataset) as opened:
        assert send_raw(opened, dataset, cut=5) == SET_ASIDE
        assert opened.send_c_store(dataset).Status == SUCCESS
    assert count(database, QuarantinedInstance) == 1
    assert count(database, Instance) == 1


def send_raw(opened: Association, dataset: pydicom.Dataset, cut: int) -> int:
    """Send ``dataset`` without its last ``cut`` bytes; pynetdicom itself would not."""
    encoded = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    request = C_STORE()
    request.MessageID = 7
    request.AffectedSOPClassUID = dataset.SOPClassUID
    request.AffectedSOPInstanceUID = dataset.SOPInstanceUID
    request.Priority = 2
    request.DataSet = BytesIO(encoded[:-cut])
    context = next(
        one for one in opened.accepted_contexts if one.abstract_syntax == dataset.SOPClassUID
    )
    assert context.context_id is not None
    opened._reactor_checkpoint.clear()
    opened.dimse.send_msg(request, context.context_id)
    _, answer = opened.dimse.get_msg(block=True)
    opened._reactor_checkpoint.set()
    assert isinstance(answer, C_STORE)
    return int(answer.Status or 0)


@pytest.mark.parametrize(
    ("titles", "own", "reason"),
    [
        ({"calling": "STRANGER"}, {}, "calling AE title is not allowed"),
        ({"called": "ORTHANC"}, {}, "called AE title is not ours"),
        ({}, {"allowed_ae_titles": ()}, "calling AE title is not allowed"),
        ({}, {"allowed_addresses": ("10.0.0.0/8",)}, "address is not allowed"),
        ({}, {"min_free_bytes": 2**60}, "disk is short"),
    ],
)
def test_a_refused_association_is_rejected_and_recorded(
    titles: dict[str, Any],
    own: dict[str, Any],
    reason: str,
    start: StartListener,
    database: Database,
) -> None:
    port = start(**own)
    for _ in range(2):
        with association(port, **titles) as opened:
            assert opened.is_rejected
    assert eventually(lambda: count(database, RefusedSender, RefusedSender.count == 2) == 1)
    with database.read() as session:
        row = session.scalars(select(RefusedSender)).one()
    assert row.reason == reason
    assert row.peer_address == "127.0.0.1"
    assert row.calling_ae_title == titles.get("calling", "PACS")
    assert count(database, AssociationRow) == 0


def still_open(database: Database) -> int:
    return count(database, AssociationRow, AssociationRow.closed_at.is_(None))


@pytest.mark.parametrize("end", ["release", "abort", "lose"])
def test_an_association_is_open_in_the_book_until_it_ends_in_any_way(
    end: str, start: StartListener, database: Database
) -> None:
    with association(start()) as opened:
        assert opened.is_established
        assert still_open(database) == 1
        if end == "abort":
            opened.abort()
        elif end == "lose":
            transport = opened.dul.socket
            assert transport is not None
            assert transport.socket is not None
            transport.socket.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: still_open(database) == 0)
    assert count(database, AssociationRow) == 1


def test_the_heartbeat_keeps_an_open_association_fresh(
    start: StartListener, database: Database
) -> None:
    def seen() -> Any:
        with database.read() as session:
            return session.scalars(select(AssociationRow.seen_at)).one()

    with association(start()):
        before = seen()
        assert eventually(lambda: seen() > before)
    assert count(database, Process, Process.role == "listener") == 1


def test_rows_left_open_by_an_earlier_run_are_closed_at_start(
    start: StartListener, database: Database
) -> None:
    sender = Sender(calling_ae_title="PACS", called_ae_title="CUTIS", peer_address="127.0.0.1")
    with database.write() as session:
        open_association(session, "listener-0", sender)
        open_association(session, "listener-1", sender)
    start(name="listener-0")
    with database.read() as session:
        rows = session.scalars(select(AssociationRow).order_by(AssociationRow.id)).all()
    assert [row.closed_at is None for row in rows] == [False, True]


def connect(port: int, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(sent)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Read until the peer closes; ``False`` if it does not within the socket's timeout."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x01",
        b"\x01\x00" + struct.pack(">L", 200) + b"\x00\x01",
        b"\x04\x00" + struct.pack(">L", 0xFFFFFFFF) + bytes(100),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)),
    ],
    ids=["silent", "one byte", "half a PDU", "4 GiB PDU", "HTTP", "noise"],
)
def test_a_peer_that_does_not_speak_dicom_is_cut_off_and_blocks_nobody(
    sent: bytes, start: StartListener
) -> None:
    port = start()
    hostile = [connect(port, sent) for _ in range(8)]
    try:
        assert send(port, photo()) == [SUCCESS]
        assert all(is_closed(one) for one in hostile)
    finally:
        for one in hostile:
            one.close()
    assert send(port, photo()) == [SUCCESS]


def test_connections_that_only_sit_there_make_room_for_a_sender(start: StartListener) -> None:
    port = start(max_connections_per_address=3, request_seconds=30)
    held = [connect(port, b"") for _ in range(3)]
    try:
        assert send(port, photo()) == [SUCCESS]
        assert is_closed(held[0])
    finally:
        for one in held:
            one.close()


def test_an_address_cannot_have_more_associations_than_its_share(start: StartListener) -> None:
    port = start(max_connections_per_address=2)
    with association(port) as first, association(port) as second:
        assert first.is_established
        assert second.is_established
        with connect(port, b"") as one_more:
            assert is_closed(one_more)
        assert first.send_c_echo().Status == second.send_c_echo().Status == SUCCESS


def test_an_instance_that_is_too_large_is_refused_and_seen(
    start: StartListener, database: Database
) -> None:
    big = factories.rgb_photo(factories.lesion_photo(200, 300))
    port = start(max_instance_bytes=50_000)
    assert send(port, big, photo(), big) == [OUT_OF_RESOURCES, SUCCESS, OUT_OF_RESOURCES]
    assert count(database, Instance) == 1
    with database.read() as session:
        row = session.scalars(select(RefusedInstance)).one()
        sender = session.scalars(select(RefusedSender)).one()
    assert (row.sop_instance_uid, row.code, row.count) == (big.SOPInstanceUID, "too-large", 2)
    assert row.size > 50_000
    assert sender.reason == "instance too-large"


def test_what_the_memory_is_too_small_for_just_now_is_refused_for_now(
    start: StartListener, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = factories.rgb_photo(factories.lesion_photo(200, 300))
    port = start(pdu_seconds=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(Budget, "_others", lambda *_: 2**40)
        assert send(port, big) == [OUT_OF_RESOURCES]
    assert send(port, big) == [SUCCESS]
    assert count(database, RefusedInstance) == 0


def test_a_full_listener_refuses_for_now(start: StartListener) -> None:
    port = start(max_associations=1)
    with association(port) as first, association(port) as second:
        assert first.is_established
        assert second.is_rejected
    assert eventually(lambda: send_ok(port))


def send_ok(port: int) -> bool:
    with association(port) as opened:
        return bool(opened.is_established)


def test_a_deflated_or_private_object_is_not_negotiated(start: StartListener) -> None:
    entity = Requestor("PACS")
    entity.add_requested_context(VERIFICATION)
    entity.add_requested_context(photo().SOPClassUID, "1.2.840.10008.1.2.1.99")
    entity.add_requested_context("1.2.3.4.5.6.7", "1.2.840.10008.1.2.1")
    opened = entity.associate("127.0.0.1", start(), ae_title="CUTIS")
    assert [one.abstract_syntax for one in opened.accepted_contexts] == [VERIFICATION]
    opened.release()


@pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")
def test_dcmtk_can_echo_and_store(start: StartListener, database: Database, tmp_path: Path) -> None:
    port = str(start())
    file = factories.save(photo(), tmp_path / "photo.dcm")
    ask = ["-aet", "PACS", "-aec", "CUTIS", "127.0.0.1", port]
    subprocess.run(["echoscu", *ask], check=True, timeout=60)
    subprocess.run(["storescu", *ask, str(file)], check=True, timeout=60)
    assert count(database, Instance) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Give a self-signed certificate and its key."""
    if shutil.which("openssl") is None or shutil.which("echoscu") is None:
        pytest.skip("openssl or dcmtk is not installed")
    files = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=PACS", "-out", files[0], "-keyout", files[1]),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return files


def test_tls_needs_a_client_certificate_and_a_silent_client_blocks_nobody(
    start: StartListener, certificate: tuple[str, str]
) -> None:
    file, key = certificate
    authorities = {"tls_certificate": file, "tls_key": key, "tls_client_authorities": file}
    port = start(request_seconds=20, **authorities)
    ask = ["echoscu", "-aet", "PACS", "-aec", "CUTIS"]
    with_certificate = [*ask, "+tls", key, file, "+cf", file, "127.0.0.1", str(port)]
    without_certificate = [*ask, "+tla", "+cf", file, "127.0.0.1", str(port)]
    with connect(port, b""):
        subprocess.run(with_certificate, check=True, timeout=15)
        refused = subprocess.run(without_certificate, check=False, timeout=15, capture_output=True)
    assert refused.returncode != 0


def test_the_process_says_that_it_listens_and_ends_well_on_sigterm(
    settings: Settings, database: Database
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "CUTIS_DATABASE_URL": settings.database_url,
        "CUTIS_SPOOL": str(settings.spool),
        "CUTIS_LISTENER_PORT": str(port),
        "CUTIS_LISTENER_ALLOWED_AE_TITLES": "PACS",
        "CUTIS_LISTENER_MIN_FREE_BYTES": "0",
        "CUTIS_LISTENER_DRAIN_SECONDS": "20",
    }
    with (
        subprocess.Popen(
            [sys.executable, "-m", "services.listener"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        killed_on_failure(process),
    ):
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert (line["event"], line["port"]) == ("listening", port)
        dataset = photo()
        with association(port, dataset) as opened:
            process.send_signal(signal.SIGTERM)
            assert eventually(lambda: refuses_connections(port))
            assert opened.send_c_store(dataset).Status == SUCCESS  # what was open may finish
        log = process.stderr.read()
        assert process.wait(timeout=30) == 0
    lines = [json.loads(one) for one in log.splitlines()]
    assert {one["event"] for one in lines} >= {"instance received", "stopped"}
    assert {one.get("service") for one in lines} == {"listener"}
    assert "Sample^Skin" not in log
    assert "SKIN001" not in log
    assert still_open(database) == 0
    assert count(database, Process) == 0


@contextmanager
def killed_on_failure(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()  # or leaving the block would wait for ever
        raise


def refuses_connections(port: int) -> bool:
    time.sleep(0.2)  # every try is a connection that the listener counts
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # reset: it closed while we came in
        return False
    return False


def test_a_listener_does_not_start_on_a_spool_that_is_not_the_one_it_knew(
    start: StartListener, settings: Settings
) -> None:
    assert send(start(), photo()) == [SUCCESS]
    shutil.rmtree(settings.spool)  # a volume that is not mounted any more
    with pytest.raises(ConfigurationError, match="is its volume mounted"):
        start()
    settings.spool.mkdir()
    (settings.spool / ".cutis-spool").touch()  # it is lost, says the operator
    assert send(start(), photo(SOPInstanceUID="1.2.3.4")) == [SUCCESS]


def test_an_archive_that_is_no_longer_followed_is_not_waited_for(
    start: StartListener, settings: Settings, database: Database
) -> None:
    with database.write() as session:
        save_position(session, "former.example:8042", 7)
        await_instances(session, "former.example:8042", ["one", "two"], timedelta(0))
    start()
    with database.read() as session:
        assert seconds_since_pass(session) is None
        assert count_overdue(session) == 0
