"""Studies whose images are good one by one and do not belong together, from end to end."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from sqlalchemy import select

from shared.db.engine import Database
from shared.db.tables import Job, Study, StudyRevision
from shared.dicom.uids import derived_uid
from tests import factories
from tests.badinput.table import Show
from tests.badinput.test_study import all_ended, all_routed, differences
from tests.badinput.wire import send_to
from tests.integration.running import running_pipeline, until
from tests.services.listener.requests import request_of
from workers.inflammation.phantom import field

pytestmark = [pytest.mark.bad_input, pytest.mark.timeout(600)]

SLICES = 4
ENDS = {
    "of two patients": "two-patients",
    "slices at one place": "done",
    "a slice missing": "done",
    "of two frames of reference": "done",
    "slices of two sizes": "done",
    "slices of two pixel sizes": "done",
}
"""How the job of each study ends. What has no common planes gets results of its own."""


def test_each_study_ends_as_it_should_and_gets_no_shared_planes(tmp_path: Path, show: Show) -> None:
    data = tmp_path / "data"
    data.mkdir()
    studies = {name: list(slices(name)) for name in ENDS}
    with running_pipeline(data) as pipeline:
        database = Database(f"sqlite:///{data / 'cutis.db'}")
        port = pipeline.addresses.listener.port
        answers = {
            send_to(port, request_of(one), calling=b"ORTHANC")
            for study in studies.values()
            for one in study
        }
        until(lambda: all_routed(database), timeout=120)
        until(lambda: all_ended(database), timeout=400)
        ends = {name: end_of(database, study) for name, study in studies.items()}
        planes = {
            name: frames_of_reference(pipeline.stored(study[0].StudyInstanceUID))
            for name, study in studies.items()
        }
        database.dispose()

    show("ends of whole studies", sorted(ends.items()))
    assert answers == {"0000"}
    assert differences(ends, ENDS) == {}
    # Whose planes order no frames gets neutral ones; nobody is put into a space not its own.
    sent = {name: {one.FrameOfReferenceUID for one in study} for name, study in studies.items()}
    assert planes["of two patients"] == set()
    assert not planes["slices at one place"] & sent["slices at one place"]
    assert all(planes[name] for name, end in ENDS.items() if end == "done")
    assert planes["a slice missing"] == sent["a slice missing"]
    assert planes["of two frames of reference"] == sent["of two frames of reference"]


def slices(name: str) -> Iterator[Dataset]:
    """Return confocal fields of one series, 10 um apart, with what ``name`` says is wrong."""
    for index in range(SLICES):
        if name == "a slice missing" and index == 2:
            continue
        yield _slice(name, index, **_wrong(name, index))


def _slice(name: str, index: int, **wrong: Any) -> Dataset:
    size = wrong.pop("size", (256, 256))
    attributes = {
        "StudyInstanceUID": derived_uid("whole-studies", "study", name),
        "SeriesInstanceUID": derived_uid("whole-studies", "series", name),
        "SOPInstanceUID": derived_uid("whole-studies", name, str(index)),
        "FrameOfReferenceUID": derived_uid("whole-studies", "place", name),
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [0, 0, 0.01 * index],
        "PixelSpacing": [0.0005, 0.0005],
        "SliceThickness": 0.003,
        "InstanceNumber": index + 1,
        **wrong,
    }
    rows, columns = size
    pixels = field(index, rows=rows, columns=columns).pixels
    dataset = factories.confocal_sc(pixels, **attributes)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _wrong(name: str, index: int) -> dict[str, Any]:
    late = index >= SLICES // 2
    if name == "of two patients" and late:
        return {"PatientID": "SOMEBODY-ELSE"}
    if name == "slices at one place":
        return {"ImagePositionPatient": [0, 0, 0]}
    if name == "of two frames of reference" and late:
        return {"FrameOfReferenceUID": derived_uid("whole-studies", "another place", name)}
    if name == "slices of two sizes" and late:
        return {"size": (224, 256)}
    if name == "slices of two pixel sizes" and late:
        return {"PixelSpacing": [0.0006, 0.0006]}
    return {}


def end_of(database: Database, study: list[Dataset]) -> str:
    """Return the state of the study's one job, or the code of its failure."""
    query = (
        select(Job)
        .join(StudyRevision)
        .join(Study)
        .where(Study.study_instance_uid == study[0].StudyInstanceUID)
    )
    with database.read() as session:
        job = session.scalars(query).one()
        return job.code if job.state == "failed" else job.state


def frames_of_reference(stored: dict[str, bytes]) -> set[str]:
    """Return the frames of reference of a study's segmentations."""
    found = [dcmread(BytesIO(one), stop_before_pixels=True) for one in stored.values()]
    return {one.FrameOfReferenceUID for one in found if one.Modality == "SEG"}
