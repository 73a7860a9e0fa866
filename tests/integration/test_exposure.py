"""What strangers get from ``cutis up``: nothing at its ports, nobody's name in what it leaves.

The table of ports in ``docs/security.md`` is the one checked here.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
import redis as library
from pydicom import dcmread
from pydicom.uid import UID

from services.local.ohif import VERSION
from services.local.phantoms import Kind
from services.local.ready import echo_status
from shared.db.engine import Database
from tests.integration.exposure import (
    OpenPort,
    name_canary,
    names_canary,
    open_ports,
    programs_of,
    rows,
    texts,
)
from tests.integration.running import RunningPipeline, phantom, running_pipeline, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RAY = {
    *("gcs_server", "raylet", "ray actor", "workers.runtime"),
    *("ray dashboard.py", "ray monitor.py"),
}
RAY_CALLS = (
    "NodeInfoGcsService/GetAllNodeInfo",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Pull",
    "CoreWorkerService/PushTask",
    "LogService/ListLogs",
)
VIEWER = "services.cli"
OURS = {"redis-server", "Orthanc", "services.listener", "services.api", VIEWER}
READING = [
    "/",
    "/metrics",
    "/readyz",
    "/sections/studies",
    "/sections/quarantine",
    "/sections/attention",
    "/api/v1/studies",
    "/api/v1/jobs",
    "/api/v1/results",
    "/api/v1/quarantine",
    "/api/v1/refused-senders",
    "/api/v1/totals",
    "/api/v1/queues",
    "/api/v1/workers",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exposure")


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Iterator[RunningPipeline]:
    audit = {"CUTIS_AUDIT_FILE": str(folder / "audit.xml"), "CUTIS_AUDIT_SETTLE_SECONDS": "0"}
    ohif = folder / "cache" / f"ohif-{VERSION}"  # what stands there is not fetched
    ohif.mkdir(parents=True)
    (ohif / "index.html").write_text("the viewer")
    viewer = {"CUTIS_LOCAL_VIEWER": "true", "CUTIS_CACHE": str(folder / "cache")}
    with running_pipeline(folder, **audit, **viewer) as running:
        yield running


def test_every_open_port_is_known_and_gives_strangers_nothing(pipeline: RunningPipeline) -> None:
    # These two of Ray's take their time to start, and would open ports if they were let.
    until(lambda: programs_of(pipeline.process.pid) >= {"ray dashboard.py", "ray monitor.py"})
    time.sleep(5)
    found = open_ports(pipeline.process.pid)

    refused = {one: _refuses(pipeline, one) for one in found}

    programs = {one.program for one in found}
    assert programs >= {*OURS, "gcs_server", "raylet"}
    assert programs <= OURS | RAY
    still_there = set(open_ports(pipeline.process.pid))
    assert [one for one, closed in refused.items() if one in still_there and not closed] == []
    everywhere = {one.program for one in found if one.address not in {"127.0.0.1", "::1"}}
    assert everywhere <= {"Orthanc", *RAY}, "what listens beyond this machine"


def _refuses(pipeline: RunningPipeline, one: OpenPort) -> bool:
    addresses = pipeline.addresses
    if one.program == "redis-server":
        with library.Redis(port=one.port) as stranger:
            return _raises_login(stranger)
    if one.port in {addresses.listener.port, addresses.pacs.dicom.port}:
        called = "CUTIS" if one.port == addresses.listener.port else "ORTHANC"
        return "refused" in echo_status("127.0.0.1", one.port, called, calling="STRANGER")
    if one.program == "services.api":
        path = f"/api/v1/jobs/{'0' * 32}/retry"
        return httpx.post(f"{addresses.api}{path}", trust_env=False).status_code == 401
    if one.program == "Orthanc":
        return httpx.get(f"{addresses.orthanc}/system", trust_env=False).status_code == 401
    if one.program == VIEWER:
        return _only_reads_for_this_machine(one)
    return one.program in RAY and _ray_refuses(one)


def _only_reads_for_this_machine(viewer: OpenPort) -> bool:
    """Whoever uses this machine may read the archive, as the documents say, and nothing else."""
    archive = f"http://{viewer.address}:{viewer.port}/dicom-web/studies"
    foreign = {"Host": "evil.example"}  # a page from elsewhere, whose name resolves to us
    found = [
        httpx.get(archive, trust_env=False).status_code,
        httpx.get(archive, headers=foreign, trust_env=False).status_code,
        httpx.post(archive, trust_env=False).status_code,
    ]
    return viewer.address == "127.0.0.1" and found == [200, 400, 405]


def _raises_login(stranger: "library.Redis") -> bool:
    try:
        stranger.ping()
    except library.AuthenticationError:
        return True
    return False


def _ray_refuses(one: OpenPort) -> bool:
    """Ask in HTTP, which Ray's agents speak, else in gRPC for one call of each of its services."""
    host = "127.0.0.1" if one.address in {"::", "0.0.0.0"} else one.address
    try:
        url = f"http://{host}:{one.port}/metrics"
        return httpx.get(url, timeout=10, trust_env=False).status_code == 401
    except httpx.HTTPError:
        answers = {_called_without_a_token(f"{host}:{one.port}", call) for call in RAY_CALLS}
    return "UNAUTHENTICATED" in answers and answers <= {"UNAUTHENTICATED", "UNIMPLEMENTED"}


def _called_without_a_token(where: str, call: str) -> str:
    with grpc.insecure_channel(where) as channel:
        ask = channel.unary_unary(f"/ray.rpc.{call}")
        try:
            ask(b"", timeout=10)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "an answer"


JOIN = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print("joined", ray.get(ray.remote(lambda: 6 * 7).remote()))
"""


def _join(pipeline: RunningPipeline, port: int, **environment: str) -> str:
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment}
    where = f"127.0.0.1:{port}"
    asked = subprocess.run(
        [sys.executable, "-c", JOIN, where],
        env=clean,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return asked.stdout


def test_only_who_has_the_token_can_run_anything_on_ray(pipeline: RunningPipeline) -> None:
    found = open_ports(pipeline.process.pid)
    (port,) = [one.port for one in found if one.program == "gcs_server"]
    token = str(pipeline.addresses.data / "secrets" / "ray")

    assert "joined" not in _join(pipeline, port, RAY_AUTH_MODE="disabled")
    assert "joined" not in _join(pipeline, port, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="w" * 32)
    with_token = _join(pipeline, port, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=token)
    assert "joined 42" in with_token, "or the refusals above would prove nothing"


def test_nobodys_name_is_left_anywhere(
    pipeline: RunningPipeline, folder: Path, tmp_path: Path
) -> None:
    studies = []
    for seed, kind in enumerate((Kind.CONFOCAL, Kind.PHOTO), start=71):
        uid, paths = phantom(kind, tmp_path / kind, seed=seed)
        for path in paths:
            dataset = dcmread(path)
            name_canary(dataset)
            dataset.save_as(path)
        pipeline.post(*paths)
        studies.append((uid, paths))
    _send_broken(pipeline, studies[0][1][0], tmp_path)
    details = []
    for uid, _ in studies:
        study = pipeline.settled(uid)
        assert study["state"] == "done", study["reason"]
        details.append(f"/api/v1/studies/{study['id']}")
        details.append(f"/details/studies/{study['id']}")
        details += [f"/api/v1/jobs/{one['id']}" for one in study["jobs"]]
    # The control: the names did go all the way through, to where they belong.
    stored = b"".join(pipeline.stored(studies[0][0]).values())
    assert stored.count(b"CANARY4711") >= 2

    database = Database(f"sqlite:///{folder / 'cutis.db'}")
    left = {
        **dict(texts(folder / "logs")),
        **dict(texts(folder / "redis")),
        **{f"ray/{name}": text for name, text in texts(pipeline.addresses.scratch)},
        **dict(rows(database)),
        **{path: _text(pipeline, path) for path in (*READING, *details)},
        **{f"process {pid}": text for pid, text in _processes(pipeline.process.pid)},
        "audit": (folder / "audit.xml").read_bytes(),
    }

    database.dispose()

    assert len(left) > 60
    assert b"AuditMessage" in left["audit"]
    assert pipeline.get("/api/v1/quarantine")["total"] == 1
    assert names_canary(left.items()) == []


def _send_broken(pipeline: RunningPipeline, path: Path, folder: Path) -> None:
    """Give the listener a file that it must set aside, and the API a key it does not know."""
    broken = dcmread(path)
    broken.StudyInstanceUID = ""
    broken.SOPInstanceUID = broken.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5.6")
    broken.save_as(folder / "broken.dcm")
    listener = pipeline.addresses.listener
    where = ["-aec", listener.ae_title, "-aet", "ORTHANC", listener.host, str(listener.port)]
    subprocess.run(["storescu", *where, str(folder / "broken.dcm")], check=True, timeout=60)
    key = {"X-API-Key": "CANARY4711"}
    url = f"{pipeline.addresses.api}/api/v1/jobs/{'0' * 32}/retry"
    assert httpx.post(url, headers=key, trust_env=False).status_code == 401


def _text(pipeline: RunningPipeline, path: str) -> bytes:
    return httpx.get(f"{pipeline.addresses.api}{path}", trust_env=False).content


def _processes(pid: int) -> Iterator[tuple[int, bytes]]:
    for one in psutil.Process(pid).children(recursive=True):
        try:
            yield one.pid, repr((one.cmdline(), one.environ())).encode()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
