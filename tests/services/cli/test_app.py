"""The commands, against the real API on a real port and an archive that takes photos."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from pydicom import dcmread
from pynetdicom import AE, evt
from typer.testing import CliRunner, Result

from services.api.app import create_app
from services.api.settings import ApiSettings
from services.cli.app import app
from services.local.addresses import Addresses, DicomAddress, PacsAddress, write_addresses
from services.local.ports import free_ports
from services.local.secret_files import Secrets
from shared.db.engine import Database
from shared.db.operations import cancel_job
from shared.errors import BadInputError
from shared.settings import Settings
from tests import factories
from tests.database import sqlite_database
from tests.services.api.rows import done, failed, frozen, routed
from tests.services.local.supervised import eventually


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def pipeline(data: Path, rows: Database) -> Iterator[list[str]]:
    """Run the API and an archive as ``cutis up`` would leave them; give what was archived."""
    secrets, ports = Secrets(data), free_ports({"api": 0, "pacs": 0})
    application = create_app(
        rows,
        Settings(database_url=rows.url, spool=data / "spool"),
        ApiSettings(key_file=secrets.api_key_file, port=ports["api"]),
        ping_broker=lambda: None,
    )
    server = uvicorn.Server(uvicorn.Config(application, port=ports["api"], log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    archived: list[str] = []
    with Archive(ports["pacs"], archived) as pacs:
        _leave_addresses(data, ports["api"], secrets, pacs, rows.url)
        assert eventually(lambda: server.started)
        yield archived
        server.should_exit = True
        thread.join()


class Archive:
    """Takes photos for as long as its block runs."""

    def __init__(self, port: int, archived: list[str]) -> None:
        self._address = DicomAddress(ae_title="ARCHIVE", host="127.0.0.1", port=port)
        self._entity = AE("ARCHIVE")
        self._entity.add_supported_context("1.2.840.10008.5.1.4.1.1.77.1.4")
        self._archived = archived

    def __enter__(self) -> DicomAddress:
        def store(event: evt.Event) -> int:
            self._archived.append(str(event.dataset.SOPInstanceUID))
            return 0

        self._entity.start_server(
            ("127.0.0.1", self._address.port),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, store)],
        )
        return self._address

    def __exit__(self, *_: object) -> None:
        self._entity.shutdown()


def _leave_addresses(
    data: Path, api_port: int, secrets: Secrets, pacs: DicomAddress, database_url: str
) -> None:
    write_addresses(
        Addresses(
            pid=os.getpid(),
            data=data,
            api=f"http://127.0.0.1:{api_port}",
            api_key_file=secrets.api_key_file,
            listener=pacs.model_copy(update={"ae_title": "CUTIS"}),
            pacs=PacsAddress(dicom=pacs, dicomweb_url="http://127.0.0.1:9"),
            orthanc=None,
            redis_port=9,
            database_url=database_url,
            spool=data / "spool",
            scratch=data / "scratch",
        )
    )


def cutis(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def one_failed_study(rows: Database) -> str:
    with rows.write() as session:
        (job,) = routed(session, frozen(session, "1.2.3"), "layers")
        failed(session, job.id, BadInputError("the image is blank"))
        return job.id


def one_done_study(rows: Database, uid: str = "1.2.4") -> None:
    with rows.write() as session:
        (job,) = routed(session, frozen(session, uid), "layers")
        done(session, job.id)


def test_studies_and_jobs_are_listed_with_their_reasons(
    pipeline: list[str], rows: Database, data: Path
) -> None:
    job_id = one_failed_study(rows)

    studies = json.loads(cutis("studies", "--json", "--data", data).stdout)
    jobs = json.loads(cutis("jobs", "--json", "--data", data).stdout)

    assert [(one["study_instance_uid"], one["state"]) for one in studies] == [
        ("1.2.3", "attention")
    ]
    assert [(one["id"], one["state"], one["reason"]) for one in jobs] == [
        (job_id, "failed", "the image is blank")
    ]


@pytest.mark.parametrize("command", ["studies", "jobs", "models", "status"])
def test_tables_show_what_json_says(
    pipeline: list[str], rows: Database, data: Path, command: str
) -> None:
    one_failed_study(rows)

    table = cutis(command, "--data", data)

    assert table.exit_code == 0, table.output
    shown = {"studies": "1.2.3", "jobs": "failed", "models": "layers", "status": "CUTIS"}
    assert shown[command] in table.stdout


def test_jobs_can_be_narrowed_to_a_state(pipeline: list[str], rows: Database, data: Path) -> None:
    one_failed_study(rows)

    assert json.loads(cutis("jobs", "--state", "done", "--json", "--data", data).stdout) == []


def test_a_failed_job_is_replayed_with_the_key_of_the_folder(
    pipeline: list[str], rows: Database, data: Path
) -> None:
    job_id = one_failed_study(rows)

    assert "is queued again" in cutis("retry", job_id, "--data", data).stdout
    again = cutis("retry", job_id, "--data", data)
    assert again.exit_code == 1
    assert "queued" in again.stderr


def test_all_jobs_that_ended_with_one_code_are_replayed_at_once(
    pipeline: list[str], rows: Database, data: Path
) -> None:
    job_id = one_failed_study(rows)
    (code,) = {one["code"] for one in json.loads(cutis("jobs", "--json", "--data", data).stdout)}

    other = cutis("retry", "--code", "another", "--data", data)
    assert "no job" in other.stdout
    assert f"job {job_id} is queued again" in cutis("retry", "--code", code, "--data", data).stdout
    assert cutis("retry", "--data", data).exit_code == 2


def test_waiting_ends_well_only_when_all_is_done(
    pipeline: list[str], rows: Database, data: Path
) -> None:
    one_done_study(rows)
    assert cutis("wait", "--data", data, "--timeout", 30).exit_code == 0

    one_failed_study(rows)
    assert cutis("wait", "--data", data, "--timeout", 30).exit_code == 1
    assert cutis("wait", "--data", data, "--study", "1.2.4", "--timeout", 30).exit_code == 0


def test_wait_retry_and_phantom_speak_json(
    pipeline: list[str], rows: Database, data: Path, tmp_path: Path
) -> None:
    job_id = one_failed_study(rows)

    waited = json.loads(cutis("wait", "--json", "--data", data, "--timeout", 30).stdout)
    # The API runs in this process, and its log goes to the same stdout.
    said = cutis("retry", job_id, "--json", "--data", data).stdout
    retried = json.loads(said[said.index("{") :])
    made = json.loads(cutis("phantom", "confocal", tmp_path / "made", "--json").stdout)

    assert [one["study_instance_uid"] for one in waited] == ["1.2.3"]
    assert (retried["job_id"], retried["state"]) == (job_id, "queued")
    assert [Path(one).is_file() for one in made[0]["files"]] == [True]


@pytest.mark.parametrize(
    ("option", "value"), [("--listener-port", "70000"), ("--quiet-seconds", "-1")]
)
def test_up_refuses_an_option_out_of_range(tmp_path: Path, option: str, value: str) -> None:
    # In a process of its own: ``up`` takes over logging.
    command = [sys.executable, "-m", "services.cli", "up", "--data", str(tmp_path), option, value]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert ended.returncode == 1
    assert option.strip("-").replace("-", "_") in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_study_is_not_done(pipeline: list[str], rows: Database, data: Path) -> None:
    with rows.write() as session:
        (job,) = routed(session, frozen(session, "1.2.5"), "layers")
        cancel_job(session, job.id, code="operator", reason="not needed")

    assert cutis("wait", "--data", data, "--timeout", 30).exit_code == 1


def test_waiting_for_a_study_that_never_comes_says_so(pipeline: list[str], data: Path) -> None:
    ended = cutis("wait", "--data", data, "--study", "9.9", "--timeout", 0)

    assert ended.exit_code == 1
    assert "9.9 has not arrived" in ended.stderr


def test_a_folder_is_sent_to_the_pacs(pipeline: list[str], data: Path, tmp_path: Path) -> None:
    photo = factories.rgb_photo()
    factories.save(photo, tmp_path / "in" / "photo.dcm")

    sent = cutis("send", tmp_path / "in", "--data", data)

    assert sent.exit_code == 0
    assert pipeline == [photo.SOPInstanceUID]
    assert "1 of 1 files stored" in sent.stdout


def test_a_file_nobody_takes_ends_badly(pipeline: list[str], data: Path, tmp_path: Path) -> None:
    factories.save(factories.rgb_photo(), tmp_path / "in" / "photo.dcm")
    factories.save(factories.bscan(), tmp_path / "in" / "bscan.dcm")

    sent = cutis("send", tmp_path / "in", "--data", data, "--json")

    answers = {Path(one["path"]).name: one["stored"] for one in json.loads(sent.stdout)}
    assert answers == {"photo.dcm": True, "bscan.dcm": False}
    assert sent.exit_code == 1


def test_phantoms_are_made_without_a_pipeline(tmp_path: Path) -> None:
    made = cutis("phantom", "confocal", tmp_path, "--count", 2, "--seed", 3)

    assert made.exit_code == 0
    files = sorted(tmp_path.rglob("*.dcm"))
    assert [path.parent.name for path in files] == ["confocal-3", "confocal-4"]
    assert dcmread(files[0]).Modality == "CFM"


@pytest.mark.parametrize("command", ["studies", "jobs", "models", "status", "wait", "doctor"])
def test_without_a_pipeline_every_command_says_how_to_start_one(
    tmp_path: Path, command: str
) -> None:
    ended = cutis(command, "--data", tmp_path)

    assert ended.exit_code == 1
    assert "cutis up" in ended.stderr


def test_doctor_names_what_fails_and_ends_badly(pipeline: list[str], data: Path) -> None:
    ended = cutis("doctor", "--data", data, "--json")

    verdicts = {one["hop"]: one for one in json.loads(ended.stdout)}
    assert ended.exit_code == 1
    assert verdicts["API"]["ok"]
    assert not verdicts["Redis"]["ok"]
    assert verdicts["Redis"]["advice"]


def test_two_pipelines_do_not_share_a_folder(tmp_path: Path) -> None:
    with (tmp_path / "cutis.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        # In a process of its own: ``up`` takes over logging, signals and the umask.
        command = [sys.executable, "-m", "services.cli", "up", "--data", str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "runs in" in ended.stderr
    assert ended.stdout == ""
