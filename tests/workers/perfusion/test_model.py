from typing import Any

import numpy as np
import pytest
import torch

from shared.dicom import codes
from workers.catalog import model_folder
from workers.contract import Image, Series
from workers.findings import Findings
from workers.learning.agreement import dice
from workers.perfusion.baselines import fit_colour, threshold_dice
from workers.perfusion.evaluate import BARE_SUBJECTS, TEST_SUBJECTS, error_in
from workers.perfusion.model import Perfusion, load
from workers.perfusion.phantom import KeloidPhantom, keloid
from workers.perfusion.spec import HYPERPERFUSED, KELOID
from workers.perfusion.speckle import raw_frames


@pytest.fixture(scope="module")
def model() -> Perfusion:
    return load(model_folder("perfusion") / "weights", torch.device("cpu"))


@pytest.fixture(scope="module")
def phantoms() -> list[KeloidPhantom]:
    return [keloid(TEST_SUBJECTS.start + 500 + n, 256, with_keloid=True) for n in range(8)]


def _series(number: int, *pixels: Any) -> Series:
    images = tuple(
        Image(
            sop_instance_uid=f"1.2.{number}.{index}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
            series_instance_uid=f"1.2.{number}",
            pixels=one,
        )
        for index, one in enumerate(pixels)
    )
    return Series(series_instance_uid=f"1.2.{number}", modality="OT", description="", images=images)


def _values(findings: Findings, quantity: Any) -> list[float]:
    return [one.value for one in findings.measurements if one.quantity == quantity]


def test_unseen_keloids_are_predicted_better_than_by_colour_or_by_the_mean(
    model: Perfusion, phantoms: list[KeloidPhantom]
) -> None:
    found = model.predict([_series(1, *(one.photo[None] for one in phantoms))])
    colour = fit_colour(range(20))

    def average(values: Any) -> float:
        return float(np.mean(list(values)))

    assert all(one.eligible for one in found)
    ours = average(
        error_in(one.maps[0].values[0], truth) for one, truth in zip(found, phantoms, strict=True)
    )
    assert ours < average(error_in(colour.perfusion(one.photo), one) for one in phantoms)
    assert ours < average(error_in(colour.mean, one) for one in phantoms)
    masks = np.stack([one.masks[KELOID][0] for one in found])
    truth = np.stack([one.keloid for one in phantoms])
    assert dice(masks, truth) > threshold_dice(phantoms)


def test_most_photos_without_a_keloid_are_declined(model: Perfusion) -> None:
    bare = [keloid(subject, with_keloid=False) for subject in BARE_SUBJECTS[:8]]

    found = model.predict([_series(1, *(one.photo[None] for one in bare))])

    assert sum(not one.eligible for one in found) >= 6
    assert {one.reason for one in found if not one.eligible} == {"no keloid found in the photo"}


def test_raw_frames_give_a_measured_map_and_the_region_that_stands_out(
    model: Perfusion, phantoms: list[KeloidPhantom]
) -> None:
    brightest = max(phantoms, key=lambda one: float(one.perfusion[one.keloid].mean()))
    frames = raw_frames(1, brightest.perfusion)

    (found,) = model.predict([_series(1, frames)])

    assert found.maps[0].values.shape == (1, 256, 256)
    assert found.masks[HYPERPERFUSED].shape == frames.shape
    assert dice(found.masks[HYPERPERFUSED][0], brightest.keloid) > 0.6
    assert 0.05 < _values(found, codes.SPECKLE_CONTRAST)[0] < 0.5
    assert _values(found, codes.PERFUSION_RATIO)[0] > 1.3
    measured = np.log(found.maps[0].values[0]).ravel()
    assert np.corrcoef(measured, np.log(brightest.perfusion).ravel())[0, 1] > 0.75


def test_a_measured_map_keeps_its_values(model: Perfusion, phantoms: list[KeloidPhantom]) -> None:
    values = (phantoms[0].perfusion * 10).astype(np.uint16)

    (found,) = model.predict([_series(1, values[None])])

    assert np.array_equal(found.maps[0].values[0], values.astype(np.float32))
    assert not _values(found, codes.SPECKLE_CONTRAST)


def test_photo_and_lsci_of_one_study_are_compared(
    model: Perfusion, phantoms: list[KeloidPhantom]
) -> None:
    one = phantoms[1]
    frames = raw_frames(1, one.perfusion)

    found = model.predict([_series(1, one.photo[None]), _series(2, frames)])

    assert [findings.sop_instance_uid for findings in found] == ["1.2.1.0", "1.2.2.0"]
    assert found[0].derived_from == ("1.2.2.0",)
    assert -1 <= _values(found[0], codes.PERFUSION_CORRELATION)[0] <= 1
    assert "not registered" in found[0].assessments[0].note
    narrower = model.predict([_series(1, one.photo[None]), _series(2, frames[:, :, :200])])
    assert narrower[0].derived_from == ()
    assert not _values(narrower[0], codes.PERFUSION_CORRELATION)


def test_predictions_are_repeatable_and_at_the_size_of_the_photo(
    model: Perfusion, phantoms: list[KeloidPhantom]
) -> None:
    wide = phantoms[0].photo[30:230]

    first, second = (model.predict([_series(1, wide[None])])[0] for _ in range(2))

    assert first.maps[0].values.shape == (1, 200, 256)
    assert first.masks[KELOID].shape == (1, 200, 256)
    assert np.array_equal(first.maps[0].values, second.maps[0].values)
    assert first.measurements == second.measurements


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((1, 64, 64, 3), np.uint8), "all black"),
        (np.full((1, 64, 64, 3), 140, np.uint8), "one value"),
        (np.zeros((1, 20, 64, 3), np.uint8), "smaller than"),
        (np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64).astype(np.uint8), "screenshot"),
        (np.arange(3 * 64 * 64, dtype=np.uint16).reshape(3, 64, 64), "fewer than 8"),
        (np.tile(np.arange(64, dtype=np.uint8) + 1, (9, 64, 1)), "do not change"),
        (np.full((1, 64, 64), np.nan, np.float32), "not all pixels"),
    ],
)
def test_what_cannot_be_read_is_declined_with_a_reason(
    model: Perfusion, pixels: Any, reason: str
) -> None:
    (found,) = model.predict([_series(1, pixels)])

    assert not found.eligible
    assert reason in found.reason
    assert found.maps == ()
