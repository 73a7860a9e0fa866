import shutil
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from services.dispatcher.routing import route
from services.dispatcher.rules import SiteRules
from services.local.phantoms import EXPECTED_MODELS, Kind, sample_study, write_studies
from shared.dicom.manifest import instance_manifest, study_manifest
from shared.dicom.pixels import read_frames
from shared.dicom.spacing import read_spacing
from workers.catalog import models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one study of every kind, in a folder each."""
    root = tmp_path_factory.mktemp("phantoms")
    for kind in Kind:
        list(write_studies(kind, root, seed=1))
    return root


def files_of(folder: Path, kind: Kind) -> list[Path]:
    return sorted((folder / f"{kind}-1").glob("*.dcm"))


@pytest.mark.parametrize("kind", Kind)
def test_every_sample_is_valid_dicom(folder: Path, kind: Kind) -> None:
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")

    for path in files_of(folder, kind):
        said = subprocess.run([checker, path], capture_output=True, text=True, check=False).stderr
        assert [line for line in said.splitlines() if line.startswith("Error")] == []


@pytest.mark.parametrize("kind", Kind)
def test_every_sample_decodes(folder: Path, kind: Kind) -> None:
    for path in files_of(folder, kind):
        assert read_frames(path).pixels.std() > 5


@pytest.mark.parametrize("kind", Kind)
def test_the_models_that_are_expected_accept_the_samples(folder: Path, kind: Kind) -> None:
    manifests = [instance_manifest(dcmread(path)) for path in files_of(folder, kind)]
    study = study_manifest(manifests[0].study_instance_uid, manifests)

    jobs = route(study, models(), SiteRules()).jobs

    assert {one.model for one in jobs} == EXPECTED_MODELS[kind]


def test_half_of_the_photos_are_calibrated_and_half_are_compressed() -> None:
    photos = [sample_study(Kind.PHOTO, seed)[0] for seed in range(4)]

    calibrated = [read_spacing(one) is not None for one in photos]
    compressed = [one.file_meta.TransferSyntaxUID == JPEGBaseline8Bit for one in photos]

    assert sorted(zip(calibrated, compressed, strict=True)) == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]


def test_the_photo_and_the_speckle_of_a_keloid_show_the_same_skin() -> None:
    photo, speckle = sample_study(Kind.KELOID, 3)

    assert photo.StudyInstanceUID == speckle.StudyInstanceUID
    assert photo.SeriesInstanceUID != speckle.SeriesInstanceUID
    assert (photo.Rows, photo.Columns) == (speckle.Rows, speckle.Columns)


def test_the_same_seed_gives_the_same_study_and_another_seed_another() -> None:
    first, again, other = (sample_study(Kind.CONFOCAL, seed)[0] for seed in (5, 5, 6))

    assert first == again
    assert first.StudyInstanceUID != other.StudyInstanceUID
    assert first.PixelData != other.PixelData


def test_no_sample_claims_to_be_ours_or_a_person() -> None:
    for kind in Kind:
        for dataset in sample_study(kind, 1):
            assert not instance_manifest(dataset).is_own_result
            assert str(dataset.PatientName).startswith("Phantom^")


def test_studies_are_written_one_folder_each(tmp_path: Path) -> None:
    written = list(write_studies(Kind.CONFOCAL, tmp_path, count=2, seed=7))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["confocal-7", "confocal-8"]
    assert len({uid for uid, _ in written}) == 2
