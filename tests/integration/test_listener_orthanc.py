"""A real Orthanc, configured from our template, sends studies to the listener by itself."""

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid
from sqlalchemy import func, select

from services.listener.bootstrap import Listener
from services.listener.settings import ListenerSettings
from shared.db.engine import Database
from shared.db.tables import Association, Instance
from shared.dicom.manifest import MANUFACTURER
from shared.settings import Settings
from tests import factories
from tests.database import sqlite_database
from tests.orthanc import OrthancServer, free_port

pytestmark = [
    pytest.mark.integration,
]

TEMPLATES = Path(__file__).parents[2] / "deploy" / "orthanc"
VIDEO = "1.2.840.10008.1.2.4.102"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sqlite_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def port(database: Database, tmp_path: Path) -> Iterator[int]:
    """Give the port of a listener that takes from Orthanc."""
    settings = Settings(database_url=database.url, spool=tmp_path / "spool")
    own = ListenerSettings(port=free_port(), allowed_ae_titles=("ORTHANC",), min_free_bytes=0)
    listener = Listener(settings, own)
    listener.start()
    yield own.port
    listener.stop()


@pytest.fixture
def orthanc(port: int, tmp_path: Path) -> Iterator[OrthancServer]:
    server = OrthancServer(tmp_path)
    server.options = configuration(server, port, tmp_path)
    with server:
        yield server


def configuration(server: OrthancServer, port: int, folder: Path) -> dict[str, Any]:
    values = {
        "ORTHANC_AE_TITLE": server.ae_title,
        "ORTHANC_STORAGE": folder / "orthanc" / "storage",
        "ORTHANC_HTTP_PORT": server.http_port,
        "ORTHANC_DICOM_PORT": server.dicom_port,
        "ORTHANC_USERNAME": "not-used",
        "ORTHANC_PASSWORD": "not-used",
        "ORTHANC_STABLE_AGE": 1,
        "ORTHANC_AUTOROUTE": TEMPLATES / "autoroute.lua",
        "ORTHANC_DICOMWEB_PLUGIN": "not-used",
        "TOOLS_AE_TITLE": "CUTIS_TOOLS",
        "CUTIS_AE_TITLE": "CUTIS",
        "CUTIS_HOST": "127.0.0.1",
        "CUTIS_PORT": port,
    }
    template = Template((TEMPLATES / "orthanc.json").read_text(encoding="utf-8"))
    rendered: dict[str, Any] = json.loads(template.substitute(values))
    for given_by_server in ("RegisteredUsers", "Plugins"):
        del rendered[given_by_server]
    return rendered


def upload(orthanc: OrthancServer, dataset: pydicom.Dataset) -> str:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    orthanc.upload(file.getvalue())
    return str(dataset.SOPInstanceUID)


def eventually(check: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def received(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Instance.sop_instance_uid)))


def photo(**attributes: Any) -> pydicom.Dataset:
    attributes.setdefault("SOPInstanceUID", generate_uid())
    return factories.rgb_photo(factories.lesion_photo(4, 6), **attributes)


def own_result(**attributes: Any) -> pydicom.Dataset:
    return photo(Manufacturer=MANUFACTURER, SeriesInstanceUID=generate_uid(), **attributes)


def changed_by_another(**attributes: Any) -> pydicom.Dataset:
    """Return our result as another program would have stored it again."""
    equipment = pydicom.Dataset()
    equipment.Manufacturer = MANUFACTURER
    dataset = photo(SeriesInstanceUID=generate_uid(), **attributes)
    dataset.ContributingEquipmentSequence = [pydicom.Dataset(), equipment]
    return dataset


def video(**attributes: Any) -> pydicom.Dataset:
    dataset = photo(SeriesInstanceUID=generate_uid(), **attributes)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(VIDEO)
    dataset.PixelData = pydicom.encaps.encapsulate([b"not a video"])
    dataset["PixelData"].is_undefined_length = True
    return dataset


def private_object(**attributes: Any) -> pydicom.Dataset:
    return photo(SOPClassUID="1.2.3.4.5", SeriesInstanceUID=generate_uid(), **attributes)


def jobs(orthanc: OrthancServer) -> list[dict[str, Any]]:
    return list(orthanc.rest("/jobs?expand"))


def test_a_stable_study_arrives_without_what_is_ours_or_cannot_be_sent(
    orthanc: OrthancServer, database: Database
) -> None:
    for unwanted in (own_result(), changed_by_another(), video(), private_object()):
        upload(orthanc, unwanted)
    wanted = {upload(orthanc, photo()), upload(orthanc, factories.jpeg_photo())}
    assert eventually(lambda: received(database) == wanted), orthanc.log()[-2000:]
    assert eventually(lambda: [one["State"] for one in jobs(orthanc)] == ["Success"])
    assert received(database) == wanted


def test_a_study_of_our_results_alone_is_not_sent(
    orthanc: OrthancServer, database: Database
) -> None:
    upload(orthanc, own_result())
    assert eventually(lambda: all(one["IsStable"] for one in orthanc.rest("/studies?expand")))
    assert eventually(lambda: "StableStudy" in changes(orthanc))
    time.sleep(1)  # nothing to wait for: a job would be there within this
    assert jobs(orthanc) == []
    assert received(database) == set()


def changes(orthanc: OrthancServer) -> list[str]:
    return [one["ChangeType"] for one in orthanc.rest("/changes?limit=1000")["Changes"]]


def test_a_result_that_comes_back_sends_nothing_new(
    orthanc: OrthancServer, database: Database
) -> None:
    first = upload(orthanc, photo())
    assert eventually(lambda: received(database) == {first})
    upload(orthanc, own_result())
    assert eventually(lambda: changes(orthanc).count("StableStudy") == 2)
    assert eventually(lambda: {one["State"] for one in jobs(orthanc)} == {"Success"})
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 1
        assert session.scalar(select(func.sum(Association.instances))) == 1


def test_one_broken_instance_does_not_cost_the_study_the_others(
    orthanc: OrthancServer, database: Database
) -> None:
    # Orthanc takes an image without pixels; we set it aside with a warning, and its job goes on.
    upload(orthanc, photo(InstanceNumber=1, PixelData=None))
    wanted = {upload(orthanc, photo(InstanceNumber=2)), upload(orthanc, photo(InstanceNumber=3))}
    assert eventually(lambda: received(database) == wanted)
    assert eventually(lambda: [one["State"] for one in jobs(orthanc)] == ["Success"])
