"""What of a study reaches the model when some of its images cannot be decoded."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from shared.errors import BadInputError, TransientError
from tests import factories
from workers.catalog import models
from workers.contract import PixelSpacing
from workers.findings import load_findings
from workers.runtime.actors import ModelActor
from workers.runtime.reading import read_all
from workers.runtime.request import InstanceFile, PredictRequest, SeriesFiles


def files(tmp_path: Path, *datasets: Dataset, series: str = "1.2") -> SeriesFiles:
    instances = []
    for index, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"{series}.{index}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        path = factories.save(dataset, tmp_path / f"{dataset.SOPInstanceUID}.dcm")
        instances.append(
            InstanceFile(
                path=str(path),
                sop_instance_uid=dataset.SOPInstanceUID,
                sop_class_uid=dataset.SOPClassUID,
            )
        )
    return SeriesFiles(
        series_instance_uid=series, modality="XC", description="", instances=tuple(instances)
    )


def broken() -> Dataset:
    photo = factories.rgb_photo()
    photo.PixelData = photo.PixelData[:100]
    return photo


def test_one_undecodable_image_is_declined_and_the_others_are_read(tmp_path: Path) -> None:
    whole = files(tmp_path, factories.rgb_photo(), broken(), factories.calibrated_photo())

    (series,), (declined,) = read_all([whole])

    assert [one.sop_instance_uid for one in series.images] == ["1.2.0", "1.2.2"]
    assert series.images[1].spacing is not None
    assert declined.sop_instance_uid == "1.2.1"
    assert not declined.eligible
    assert "fit the header" in declined.reason


def test_a_series_without_a_readable_image_is_left_out(tmp_path: Path) -> None:
    good = files(tmp_path, factories.rgb_photo())
    bad = files(tmp_path, broken(), broken(), series="1.3")

    series, declined = read_all([bad, good])

    assert [one.series_instance_uid for one in series] == ["1.2"]
    assert [one.sop_instance_uid for one in declined] == ["1.3.0", "1.3.1"]


def test_a_study_without_any_readable_image_fails_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="fit the header") as caught:
        read_all([files(tmp_path, broken()), files(tmp_path, broken(), series="1.3")])

    assert caught.value.code == "undecodable"


def test_a_file_that_cannot_be_read_from_disk_is_no_fault_of_the_image(tmp_path: Path) -> None:
    whole = files(tmp_path, factories.rgb_photo(), factories.rgb_photo())
    Path(whole.instances[1].path).unlink()

    with pytest.raises(TransientError):
        read_all([whole])


def test_an_actor_answers_for_the_undecodable_image_too(tmp_path: Path) -> None:
    request = PredictRequest(
        series=(files(tmp_path, broken(), factories.confocal_sc()),), folder=str(tmp_path / "found")
    )

    answer = ModelActor("inflammation", 1).predict(request)

    assert answer.error is None
    # Through Ray's object store go paths and times, never pixels.
    assert len(pickle.dumps(request)) + len(pickle.dumps(answer)) < 2000
    found = {one.sop_instance_uid: one.reason for one in load_findings(tmp_path / "found")}
    assert set(found) == {"1.2.0", "1.2.1"}
    assert "fit the header" in found["1.2.0"]
    assert "fit the header" not in found["1.2.1"]


def test_a_measured_map_keeps_its_values_whatever_its_polarity(tmp_path: Path) -> None:
    stored = np.linspace(100, 800, 64 * 64).astype(np.uint16).reshape(1, 64, 64)
    inverse = factories.word_stack(stored)
    inverse.PhotometricInterpretation = "MONOCHROME1"
    inverse.BitsStored, inverse.HighBit = 16, 15
    request = PredictRequest(
        series=(files(tmp_path, inverse),),
        folder=str(tmp_path / "found"),
        as_values=models()["perfusion"].reads_values,
    )

    answer = ModelActor("perfusion", 1).predict(request)

    assert answer.error is None
    (found,) = load_findings(tmp_path / "found")
    np.testing.assert_array_equal(found.maps[0].values, stored.astype(np.float32))


def test_the_scale_of_a_site_rule_reaches_the_model(tmp_path: Path) -> None:
    photos = files(tmp_path, factories.rgb_photo(), factories.rgb_photo())
    first, second = photos.instances
    given = dataclasses.replace(
        photos, instances=(dataclasses.replace(first, scale_mm=0.05), second)
    )

    (series,), _ = read_all([given])

    assert series.images[0].spacing == PixelSpacing(
        row_mm=0.05, column_mm=0.05, source="calibrated"
    )
    assert series.images[1].spacing is None
