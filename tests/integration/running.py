"""A whole pipeline for tests: ``cutis up`` as a child, and Orthanc as a user sees it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx
import psutil
from pydicom.dataset import Dataset

from services.local.addresses import Addresses
from services.local.client import ApiClient, wait_until_settled
from services.local.phantoms import Kind, write_studies
from services.local.ready import TOOL_AE_TITLE
from services.local.secret_files import read_secret
from tests.factories import save

T = TypeVar("T")
Record = dict[str, Any]

CUTIS = Path(sys.executable).parent / "cutis"

# Short leases and pauses: a test that kills a worker should not wait a minute for the sweep.
QUICK = {
    "CUTIS_LEASE_SECONDS": "6",
    "CUTIS_HEARTBEAT_SECONDS": "1",
    "CUTIS_PUBLISH_LEASE_SECONDS": "6",
    "CUTIS_RETRY_BACKOFF_SECONDS": "1",
    "CUTIS_DISPATCHER_SWEEP_SECONDS": "1",
    "CUTIS_STALL_SECONDS": "10",
}


class RunningPipeline:
    """A pipeline that runs, and what a test does with it."""

    def __init__(self, process: "subprocess.Popen[str]", addresses: Addresses) -> None:
        self.process = process
        self.addresses = addresses
        self.client = ApiClient(addresses.api, addresses.api_key_file)
        password = read_secret(addresses.pacs.password_file) if addresses.pacs.password_file else ""
        self.orthanc = httpx.Client(
            base_url=addresses.orthanc or "",
            auth=(addresses.pacs.username, password),
            timeout=60,
            trust_env=False,
        )

    def storescu(self, *paths: Path) -> None:
        """Send with dcmtk, so that the sender is not ours."""
        pacs = self.addresses.pacs.dicom
        for path in paths:
            # storescu proposes one transfer syntax per association.
            jpeg = b"1.2.840.10008.1.2.4.50" in path.read_bytes()[:1000]
            syntax = ["-xy"] if jpeg else []
            where = ["-aet", TOOL_AE_TITLE, "-aec", pacs.ae_title, pacs.host, str(pacs.port)]
            subprocess.run(["storescu", *syntax, *where, str(path)], check=True)

    def post(self, *paths: Path) -> None:
        """Put files into Orthanc over its REST API."""
        for path in paths:
            self.orthanc.post("/instances", content=path.read_bytes()).raise_for_status()

    def settled(self, study_instance_uid: str, timeout: float = 180) -> Record:
        """Return the study once nothing will happen to it any more by itself."""
        (study,) = wait_until_settled(self.client, [study_instance_uid], timeout)
        return study

    def jobs(self, study_instance_uid: str) -> list[Record]:
        """Return every job of a study, superseded ones too, oldest first."""
        found = [
            one for one in self.client.jobs() if one["study_instance_uid"] == study_instance_uid
        ]
        return sorted(found, key=lambda one: str(one["created_at"]))

    def results(self, job_id: str) -> list[Record]:
        """Return the results that a job recorded."""
        results: list[Record] = self.client.job(job_id)["results"]
        return results

    def stored(self, study_instance_uid: str) -> dict[str, bytes]:
        """Return every instance that Orthanc holds of a study, by SOP Instance UID."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        ids = self.orthanc.post("/tools/find", json=query).raise_for_status().json()
        files = {}
        for one in ids:
            tags = self.orthanc.get(f"/instances/{one}/simplified-tags").raise_for_status().json()
            content = self.orthanc.get(f"/instances/{one}/file").raise_for_status().content
            files[str(tags["SOPInstanceUID"])] = content
        return files

    def pid_of(self, role: str) -> int:
        """Return the process id of one of our processes, as it reported itself."""
        rows = [one for one in self.get("/api/v1/workers") if one["role"] == role]
        return int(max(rows, key=lambda one: str(one["started_at"]))["pid"])

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        return httpx.get(f"{self.addresses.api}{path}", trust_env=False).raise_for_status().json()

    def server_pid(self, program: Literal["redis-server", "Orthanc", "gcs_server"]) -> int:
        """Return the process id of a server that runs beside ours."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return int(next(one.pid for one in children if program.lower() in one.name().lower()))


@contextmanager
def running_pipeline(data: Path, **more: str) -> Iterator[RunningPipeline]:
    """Start ``cutis up`` in ``data`` on free ports; afterwards check that nothing is left."""
    environment = {**os.environ, **QUICK, **more}
    command = [str(CUTIS), "up", "--data", str(data), "--quiet-seconds", "1.5"]
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--stable-seconds", "2"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        with _ready(process, data / "up.log") as running:
            yield running
    finally:
        below = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(90)
        left = [one for one in below if one.is_running() and one.status() != "zombie"]
        for one in left:
            one.kill()
    assert left == [], "processes were left behind"
    assert process.returncode == 0


@contextmanager
def _ready(process: "subprocess.Popen[str]", log: Path) -> Iterator[RunningPipeline]:
    assert process.stdout is not None
    with process.stdout as stdout:
        line = stdout.readline()
        if not line:
            raise AssertionError(log.read_text()[-3000:])
        ready = json.loads(line)
        ready.pop("event")
        running = RunningPipeline(process, Addresses.model_validate(ready))
        with running.client, running.orthanc:
            yield running


def write(folder: Path, *datasets: Dataset) -> list[Path]:
    """Write datasets into ``folder``, numbered."""
    folder.mkdir(parents=True, exist_ok=True)
    return [save(one, folder / f"{number}.dcm") for number, one in enumerate(datasets)]


def phantom(kind: Kind, folder: Path, seed: int) -> tuple[str, list[Path]]:
    """Write one sample study; return its UID and its files."""
    ((uid, paths),) = write_studies(kind, folder, seed=seed)
    return uid, paths


def until(look: Callable[[], T], timeout: float = 60, pause: float = 0.1) -> T:
    """Return the first truthy answer of ``look``."""
    deadline = time.monotonic() + timeout
    while True:
        answer = look()
        if answer:
            return answer
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)
