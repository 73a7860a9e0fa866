from typing import Any

import numpy as np
import pytest
import torch

from workers.catalog import model_folder
from workers.contract import Image, Series
from workers.learning.agreement import dice
from workers.segmentation.evaluate import TEST_SUBJECTS, threshold_dice
from workers.segmentation.model import Segmentation, load
from workers.segmentation.phantom import View, photo
from workers.segmentation.spec import KELOID, LESION, SKIN


@pytest.fixture(scope="module")
def model() -> Segmentation:
    return load(model_folder("segmentation") / "weights", torch.device("cpu"))


def _series(*pixels: Any) -> Series:
    images = tuple(
        Image(
            sop_instance_uid=f"1.2.{number}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.4",
            series_instance_uid="1.2.9",
            pixels=one,
        )
        for number, one in enumerate(pixels)
    )
    return Series(series_instance_uid="1.2.9", modality="XC", description="", images=images)


def test_unseen_photos_are_marked_better_than_by_the_best_colour_threshold(
    model: Segmentation,
) -> None:
    photos = [photo(subject) for subject in TEST_SUBJECTS[:16]]

    found = model.predict([_series(*(one.image[None] for one in photos))])

    for number, name in ((SKIN, "skin"), (LESION, "lesion"), (KELOID, "keloid")):
        masks = np.stack([one.masks[number][0] for one in found])
        truth = np.stack([getattr(one, name) for one in photos])
        assert dice(masks, truth) > threshold_dice(photos, name), name


def test_predictions_are_repeatable_and_at_the_size_of_the_image(model: Segmentation) -> None:
    wide = photo(TEST_SUBJECTS.start + 600, 300, view=View.CLOSE).image[40:240]

    first, second = (model.predict([_series(wide[None])])[0] for _ in range(2))

    assert {one.shape for one in first.masks.values()} == {(1, 200, 300)}
    assert set(first.masks) == {SKIN, LESION, KELOID}
    assert all(np.array_equal(first.masks[n], second.masks[n]) for n in first.masks)
    assert first.measurements == second.measurements


def test_findings_come_in_the_order_of_the_images(model: Segmentation) -> None:
    pixels = photo(TEST_SUBJECTS.start + 601, 64).image[None]

    found = model.predict([_series(pixels, pixels)])

    assert [one.sop_instance_uid for one in found] == ["1.2.0", "1.2.1"]


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((1, 64, 64, 3), np.uint8), "all black"),
        (np.full((1, 64, 64, 3), 140, np.uint8), "one colour"),
        (np.zeros((1, 20, 64, 3), np.uint8), "smaller than"),
        (np.zeros((2, 64, 64, 3), np.uint8), "more than one frame"),
        (np.zeros((1, 64, 64), np.uint8), "not a colour photo"),
    ],
)
def test_what_is_no_photo_is_declined_with_a_reason(
    model: Segmentation, pixels: Any, reason: str
) -> None:
    (found,) = model.predict([_series(pixels)])

    assert not found.eligible
    assert reason in found.reason
    assert found.masks == {}
