import hashlib
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from services.local import hops
from services.local.addresses import Addresses, DicomAddress, PacsAddress
from services.local.doctor import examine
from services.local.ports import free_ports
from services.local.ready import redis_answers
from services.local.redis import find_redis, redis_program, redis_url
from services.local.secret_files import Secrets
from services.local.settings import environment
from shared.db.engine import Database, clock
from shared.db.processes import beat
from shared.db.tables import Process
from shared.errors import AwayError, TransientError
from shared.heart import Heart
from tests.services.api.rows import failed, frozen, routed
from tests.services.local.supervised import eventually
from workers.catalog import weights_manifest

PASSWORD = "a-password-of-the-test"


def pacs_called(ae_title: str) -> PacsAddress:
    dicom = DicomAddress(ae_title=ae_title, host="127.0.0.1", port=2)
    return PacsAddress(dicom=dicom, dicomweb_url="http://pacs/dicom-web")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a Redis started the way the pipeline starts it."""
    port = free_ports({"it": 0})["it"]
    program = redis_program(tmp_path_factory.mktemp("redis"), port, PASSWORD, environment())
    process = subprocess.Popen(program.command, stdout=subprocess.DEVNULL)
    assert eventually(lambda: program.is_ready(process.pid))
    yield redis_url(port, PASSWORD)
    process.terminate()
    process.wait()


def test_redis_takes_messages_and_never_evicts(redis: str) -> None:
    assert "noeviction" in hops.redis_takes_messages(redis)


def test_redis_wants_its_password(redis: str) -> None:
    assert redis_answers(redis)
    assert not redis_answers(redis.replace(PASSWORD, "another"))
    with pytest.raises(hops.HopError):
        hops.redis_takes_messages(redis.replace(PASSWORD, "another"))


def test_a_redis_that_may_evict_queues_is_a_problem() -> None:
    port = free_ports({"it": 0})["it"]
    url = f"redis://127.0.0.1:{port}/0"
    options = ("--maxmemory-policy", "allkeys-lru", "--save", "")
    command = (find_redis(), "--port", str(port), "--bind", "127.0.0.1", *options)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: redis_answers(url))
            with pytest.raises(hops.HopError, match="may evict"):
                hops.redis_takes_messages(url)
        finally:
            process.terminate()


def test_a_current_database_takes_a_write_and_forgets_it(database: Database) -> None:
    assert "current" in hops.database_is_ours(database)

    with database.read() as session:
        assert session.scalars(select(Process)).all() == []


def test_an_empty_database_is_an_older_versions(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    try:
        with pytest.raises(hops.HopError, match="an older version"):
            hops.database_is_ours(empty)
    finally:
        empty.dispose()


def test_a_process_is_alive_while_it_beats(database: Database) -> None:
    with pytest.raises(hops.HopError, match="no worker"):
        hops.process_lives(database, "worker")

    with database.write() as session:
        beat(session, "worker")
    assert hops.process_lives(database, "worker") == "1 alive"

    with database.write() as session:
        session.execute(update(Process).values(seen_at=clock(session) - timedelta(minutes=5)))
    with pytest.raises(hops.HopError, match="no worker"):
        hops.process_lives(database, "worker")


@pytest.mark.parametrize(
    ("actors", "problem"),
    [
        ({}, "reports no actor"),
        ({"layers": {"state": "ActorDiedError"}}, "layers is ActorDiedError"),
        ({"layers": {"state": "ready"}, "perfusion": {"state": "busy or starting"}}, ""),
    ],
)
def test_actors_are_judged_by_what_the_worker_says(
    database: Database, actors: dict[str, dict[str, str]], problem: str
) -> None:
    with database.write() as session:
        beat(session, "worker", {"actors": actors})

    def report() -> None:
        with database.write() as session:
            beat(session, "worker", {"actors": actors})

    with Heart(report, 0.1, "process"):
        if problem:
            with pytest.raises(hops.HopError, match=problem):
                hops.actors_live(database)
        else:
            assert "layers ready" in hops.actors_live(database)


def test_what_actors_said_before_they_were_asked_counts_for_nothing(database: Database) -> None:
    with database.write() as session:
        beat(session, "worker", {"actors": {"layers": {"state": "ready"}}})

    with pytest.raises(hops.HopError, match="heard nothing from Ray"):
        hops.actors_live(database, patience=0.3)


def test_jobs_that_wait_for_the_pacs_are_told_with_their_reason(database: Database) -> None:
    assert hops.pacs_takes_results(database) == "none"

    with database.write() as session:
        one, other = (
            routed(session, frozen(session, f"1.2.{number}"), "layers")[0] for number in range(2)
        )
        failed(session, one.id, AwayError("the PACS refuses our credentials", code="pacs-login"))
        failed(session, other.id, TransientError("busy", code="deadline"))

    with pytest.raises(hops.HopError, match=r"^1 wait: the PACS refuses .* \(pacs-login\)$"):
        hops.pacs_takes_results(database)


@pytest.mark.parametrize(("status", "problem"), [(200, ""), (500, "cannot C-ECHO CUTIS: 500")])
def test_orthanc_is_asked_to_echo_our_listener(
    status: int, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def post(url: str, **_: object) -> httpx.Response:
        asked.append(url)
        return httpx.Response(status)

    monkeypatch.setattr(httpx, "post", post)
    orthanc = pacs_called("ORTHANC")
    listener = DicomAddress(ae_title="CUTIS", host="127.0.0.1", port=1)

    if problem:
        with pytest.raises(hops.HopError, match=problem):
            hops.pacs_echoes_us("http://pacs", ("cutis", "x"), orthanc, listener)
    else:
        assert "ORTHANC" in hops.pacs_echoes_us("http://pacs", ("cutis", "x"), orthanc, listener)
    assert asked == ["http://pacs/modalities/cutis/echo"]


def test_another_pacs_is_stood_in_for_by_its_ae_title(monkeypatch: pytest.MonkeyPatch) -> None:
    def status(host: str, port: int, called: str, calling: str) -> str:
        return "" if calling == "ARCHIVE" else f"{called} at {host}:{port} refused {calling}"

    monkeypatch.setattr(hops, "echo_status", status)
    listener = DicomAddress(ae_title="CUTIS", host="127.0.0.1", port=1)
    known, stranger = pacs_called("ARCHIVE"), pacs_called("OTHER")

    assert "CUTIS answers ARCHIVE" in hops.pacs_echoes_us(None, ("", ""), known, listener)
    with pytest.raises(hops.HopError, match=r"CUTIS at 127\.0\.0\.1:1 refused OTHER"):
        hops.pacs_echoes_us(None, ("", ""), stranger, listener)


def test_a_spool_that_is_no_folder_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "durable write works" in hops.disk_takes_bytes(tmp_path / "spool")
    with pytest.raises(hops.HopError):
        hops.disk_takes_bytes(tmp_path / "file")


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.spool.Spool.free_bytes", lambda _: 10)

    with pytest.raises(hops.HopError, match="GiB free"):
        hops.disk_takes_bytes(tmp_path)


@pytest.mark.parametrize(("status", "problem"), [(401, "refuses user"), (500, "status 500")])
def test_what_dicomweb_answers_is_told(
    status: int, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(status))

    with pytest.raises(hops.HopError, match=problem):
        hops.pacs_is_searched(pacs_called("ORTHANC"), ("cutis", "x"), "CUTIS")


def test_a_changed_weights_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "weights" / "net.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    manifest = weights_manifest.__wrapped__  # the cache is not wanted here
    (file.parent / "manifest.json").write_text(
        '{"model":"toy","version":"1","files":[{"name":"net.safetensors","sha256":"'
        + hashlib.sha256(b"weights").hexdigest()
        + '"}],"trained_on":"","metrics":{},"commit":"","command":""}'
    )
    monkeypatch.setattr(hops, "models", lambda: {"toy": None})
    monkeypatch.setattr(hops, "model_folder", lambda _: tmp_path)
    monkeypatch.setattr("workers.catalog.model_folder", lambda _: tmp_path)
    monkeypatch.setattr(hops, "weights_manifest", manifest)

    assert hops.weights_are_ours() == "1 files of 1 models match their digests"
    file.write_bytes(b"changed")
    with pytest.raises(hops.HopError, match="differs from its manifest"):
        hops.weights_are_ours()
    file.unlink()
    with pytest.raises(hops.HopError, match="missing"):
        hops.weights_are_ours()


def test_a_pipeline_that_is_down_fails_every_hop_with_advice(tmp_path: Path) -> None:
    ports = free_ports({"listener": 0, "pacs": 0, "web": 0, "api": 0, "redis": 0})

    def dicom(title: str, port: str) -> DicomAddress:
        return DicomAddress(ae_title=title, host="127.0.0.1", port=ports[port])

    secrets = Secrets(tmp_path)
    (tmp_path / "spool").write_text("a file where the spool should be")
    verdicts = examine(
        Addresses(
            pid=1,
            data=tmp_path,
            api=f"http://127.0.0.1:{ports['api']}",
            api_key_file=secrets.api_key_file,
            listener=dicom("CUTIS", "listener"),
            pacs=PacsAddress(
                dicom=dicom("ORTHANC", "pacs"),
                dicomweb_url=f"http://127.0.0.1:{ports['web']}/dicom-web",
                username="cutis",
                password_file=secrets.orthanc_password_file,
            ),
            orthanc=None,
            redis_port=ports["redis"],
            database_url=f"sqlite:///{tmp_path / 'cutis.db'}",
            spool=tmp_path / "spool",
            scratch=tmp_path,
        )
    )

    failed = {one.hop: one.advice for one in verdicts if not one.ok}
    assert failed.keys() >= {
        "PACS, C-ECHO",
        "PACS, search",
        "listener, C-ECHO",
        "PACS to listener, C-ECHO",
        "Redis",
        "database",
        "spool",
        "dispatcher",
        "worker",
        "writer",
        "Ray actors",
        "API",
    }
    assert all(failed.values())
    assert not any(one.advice for one in verdicts if one.ok)
    assert secrets.redis_password() not in str(verdicts)
