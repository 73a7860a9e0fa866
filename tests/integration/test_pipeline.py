"""The whole pipeline: real Orthanc, Redis, Celery, Ray, over real sockets."""

import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from services.local.phantoms import EXPECTED_MODELS, Kind, sample_study
from shared.dicom.uids import derived_uid
from tests.conformance.checkers import complaints_about
from tests.factories import byte_stack, confocal_sc, lesion_photo, rgb_photo, speckle
from tests.integration.require import require_checkers
from tests.integration.running import RunningPipeline, phantom, running_pipeline, until, write

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPipeline]:
    with running_pipeline(tmp_path_factory.mktemp("pipeline")) as running:
        yield running


def read(content: bytes) -> Dataset:
    return dcmread(io.BytesIO(content))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_study_goes_in_and_its_results_come_back(
    pipeline: RunningPipeline, tmp_path: Path, kind: Kind
) -> None:
    require_checkers()
    uid, paths = phantom(kind, tmp_path, seed=11)
    pipeline.post(*paths)

    study = pipeline.settled(uid)

    jobs = pipeline.jobs(uid)
    assert study["state"] == "done", study["reason"]
    assert {one["model"] for one in jobs} == EXPECTED_MODELS[kind]
    in_orthanc = pipeline.stored(uid)
    for job in jobs:
        results = pipeline.results(job["id"])
        assert {"sr-image", "sc"} <= {one["role"] for one in results}
        for one in results:
            assert one["state"] == "verified"
            stored = read(in_orthanc[one["sop_instance_uid"]])
            assert stored.Manufacturer == "Cutis"
            assert stored.SeriesInstanceUID == one["series_instance_uid"]
            assert complaints_about(in_orthanc[one["sop_instance_uid"]]) == []


def test_the_same_study_three_times_gives_one_set_of_results(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    uid, paths = phantom(Kind.CONFOCAL, tmp_path, seed=21)
    pipeline.post(*paths)
    pipeline.settled(uid)
    before = pipeline.stored(uid)

    for _ in range(2):
        send_to_listener(pipeline, paths)
    time.sleep(5)

    assert pipeline.stored(uid) == before
    assert len(pipeline.jobs(uid)) == 1
    # Every file that came again was known: none was kept once more as other bytes of that image.
    (study,) = pipeline.client.studies([uid])
    series = pipeline.client.study(study["id"])["series"]
    assert [(one["instances"], one["conflicts"]) for one in series] == [(len(paths), 0)]


def test_the_second_visit_of_a_patient_tells_the_change_since_the_first(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    reports = []
    for day, seed in (("20250301", 31), ("20250901", 32)):
        (image,) = sample_study(Kind.CONFOCAL, seed)
        image.PatientID, image.StudyDate = "PHANTOM-RETURNS", day
        pipeline.post(*write(tmp_path / day, image))
        study = pipeline.settled(image.StudyInstanceUID)
        assert study["state"] == "done", study["reason"]
        (job,) = pipeline.jobs(image.StudyInstanceUID)
        (uid,) = [
            one["sop_instance_uid"]
            for one in pipeline.results(job["id"])
            if one["role"] == "sr-image"
        ]
        reports.append(read(pipeline.stored(image.StudyInstanceUID)[uid]))

    first, second = reports
    assert "PertinentOtherEvidenceSequence" not in first
    (other,) = second.PertinentOtherEvidenceSequence
    (series,) = other.ReferencedSeriesSequence
    (referenced,) = series.ReferencedSOPSequence
    assert referenced.ReferencedSOPInstanceUID == first.SOPInstanceUID
    said = second.to_json()
    assert "Skin inflammation score (0-4, continuous): " in said
    assert "2025-03-01" in said


def test_our_own_results_never_start_a_job(pipeline: RunningPipeline, tmp_path: Path) -> None:
    uid, paths = phantom(Kind.CONFOCAL, tmp_path, seed=22)
    pipeline.post(*paths)
    pipeline.settled(uid)
    for number, content in enumerate(pipeline.stored(uid).values()):
        (tmp_path / f"back-{number}.dcm").write_bytes(content)

    # Past Orthanc's filter, straight at the listener: the guard must hold by itself.
    send_to_listener(pipeline, sorted(tmp_path.glob("back-*.dcm")))
    time.sleep(5)

    study = pipeline.settled(uid)
    assert study["revision"] == 1
    assert len(pipeline.jobs(uid)) == 1


def test_a_late_image_gives_revision_two_and_supersedes_the_first(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    study_uid, series_uid = derived_uid("late study"), derived_uid("late series")

    def photo(number: int) -> Dataset:
        return rgb_photo(
            lesion_photo(240, 320),
            StudyInstanceUID=study_uid,
            SeriesInstanceUID=series_uid,
            SOPInstanceUID=derived_uid("late", str(number)),
            InstanceNumber=number,
        )

    pipeline.post(*write(tmp_path / "first", photo(1)))
    pipeline.settled(study_uid)
    before = pipeline.stored(study_uid)
    pipeline.post(*write(tmp_path / "late", photo(2)))
    until(lambda: len(pipeline.jobs(study_uid)) == 2)
    study = pipeline.settled(study_uid)

    first, second = pipeline.jobs(study_uid)
    assert (study["state"], study["revision"]) == ("done", 2)
    assert first["superseded_at"] is not None
    assert second["superseded_at"] is None
    earlier, later = pipeline.results(first["id"]), pipeline.results(second["id"])
    assert all(one["superseded_at"] for one in earlier)
    assert not any(one["superseded_at"] for one in later)
    assert len({one["source_sop_instance_uid"] for one in later}) == 2
    # The first photo did not change: its results, all of them and no other, were found in the
    # PACS and not written again.
    known = {one["sop_instance_uid"] for one in later if one["already_stored"]}
    assert known == {one["sop_instance_uid"] for one in earlier}
    assert before.items() <= pipeline.stored(study_uid).items(), "nothing was replaced"


def test_a_study_no_model_reads_ends_visibly_with_the_reason(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    uid = derived_uid("dermoscopy study")
    dermoscopy = rgb_photo(StudyInstanceUID=uid, Modality="DMS", SOPClassUID=_DERMOSCOPY)
    dermoscopy.file_meta.MediaStorageSOPClassUID = _DERMOSCOPY
    pipeline.post(*write(tmp_path, dermoscopy))

    study = pipeline.settled(uid)

    assert study["jobs"] == []
    assert study["state"] == "skipped"
    assert "DMS" in str(pipeline.client.study(study["id"]))


def test_studies_made_and_sent_by_other_tools_get_their_results(
    pipeline: RunningPipeline, tmp_path: Path
) -> None:
    """A JPEG wrapped by img2dcm, a stack without geometry, and a confocal-like capture."""
    jpeg, wrapped = tmp_path / "photo.jpg", tmp_path / "wrapped.dcm"
    Image.fromarray(lesion_photo(300, 400)).save(jpeg, quality=90)
    photo_uid = derived_uid("img2dcm study")
    subprocess.run(
        ["img2dcm", "-vlp", "-k", f"StudyInstanceUID={photo_uid}", jpeg, wrapped], check=True
    )
    stack_uid, confocal_uid = derived_uid("foreign stack"), derived_uid("foreign confocal")
    speckle_stack = byte_stack(
        speckle(16, 128, 128),
        StudyInstanceUID=stack_uid,
        Modality="OT",
        SeriesDescription="Laser speckle raw frames",
    )
    confocal = confocal_sc(StudyInstanceUID=confocal_uid)

    pipeline.storescu(wrapped, *write(tmp_path / "made", speckle_stack, confocal))

    for uid, model in (
        (photo_uid, "segmentation"),
        (stack_uid, "perfusion"),
        (confocal_uid, "inflammation"),
    ):
        study = pipeline.settled(uid)
        assert [one["model"] for one in study["jobs"]] == [model]
        assert study["state"] == "done", study["reason"]


def test_a_refused_sender_is_visible_with_the_reason(pipeline: RunningPipeline) -> None:
    listener = pipeline.addresses.listener
    where = (listener.host, str(listener.port))
    stranger = subprocess.run(
        ["echoscu", "-aet", "STRANGER", "-aec", listener.ae_title, *where],
        check=False,
        capture_output=True,
    )

    assert stranger.returncode != 0
    assert "STRANGER" in str(pipeline.get("/api/v1/refused-senders"))


def send_to_listener(pipeline: RunningPipeline, paths: list[Path]) -> None:
    listener = pipeline.addresses.listener
    where = ["-aec", listener.ae_title, "-aet", pipeline.addresses.pacs.dicom.ae_title]
    for path in paths:
        subprocess.run(
            ["storescu", "-R", *where, listener.host, str(listener.port), str(path)], check=True
        )


_DERMOSCOPY = UID("1.2.840.10008.5.1.4.1.1.77.1.7")
