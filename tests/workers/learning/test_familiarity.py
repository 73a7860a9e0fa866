from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.dicom import codes
from workers.learning import familiarity
from workers.learning.familiarity import (
    Familiarity,
    fit_familiarity,
    load_familiarity,
    photo_picture,
    statistics,
)
from workers.learning.weights import save_weights


def grain(subject: int) -> np.ndarray:
    """Clouds of one scale, a little different each time."""
    rng = np.random.default_rng(subject)
    cloud = cv2.GaussianBlur(rng.random((96, 96)), (0, 0), rng.uniform(2, 3))
    low, high = cloud.min(), cloud.max()
    return np.asarray((cloud - low) / (high - low), np.float32)


@pytest.fixture(scope="module")
def fitted() -> Familiarity:
    return fit_familiarity(grain)


def test_of_its_own_few_are_foreign_and_of_others_all(fitted: Familiarity) -> None:
    own = [fitted.distance(grain(subject)) > 1 for subject in range(60)]
    noise = [np.random.default_rng(one).random((96, 96), np.float32) for one in range(20)]
    ramp = np.tile(np.linspace(0, 1, 96, dtype=np.float32)[:, None], (1, 96))

    assert np.mean(own) <= 0.1
    assert all(fitted.distance(one) > 1 for one in [*noise, ramp])


def test_the_answer_is_coded_and_warns(fitted: Familiarity) -> None:
    like = fitted.judge([grain(1), grain(2)])
    unlike = fitted.judge([np.random.default_rng(0).random((96, 96), np.float32)])

    assert like.question == unlike.question == codes.FAMILIARITY
    assert like.answer == codes.LIKE_TRAINING
    assert unlike.answer == codes.UNLIKE_TRAINING
    assert "do not rely" in unlike.note


def test_it_is_read_back_as_it_was_written(fitted: Familiarity, tmp_path: Path) -> None:
    save_weights(
        tmp_path,
        {familiarity.FAMILIARITY_FILE: fitted.state()},
        model="one",
        version="0",
        trained_on="clouds",
        metrics={},
        commit="",
        command="",
    )

    found = load_familiarity(tmp_path)
    assert found is not None
    assert found.distance(grain(3)) == fitted.distance(grain(3))


def test_weights_without_it_say_nothing(tmp_path: Path) -> None:
    save_weights(
        tmp_path,
        {},
        model="one",
        version="0",
        trained_on="",
        metrics={},
        commit="",
        command="",
    )

    assert load_familiarity(tmp_path) is None


def test_a_gray_photo_has_statistics_too() -> None:
    gray = np.repeat(np.random.default_rng(0).integers(0, 255, (80, 80, 1)), 3, axis=2)

    assert np.isfinite(statistics(photo_picture(gray.astype(np.uint8)))).all()


def test_a_colour_cast_counts_and_a_mirror_does_not() -> None:
    photo = np.random.default_rng(0).integers(60, 200, (80, 120, 3)).astype(np.uint8)
    seen = statistics(photo_picture(photo))

    assert statistics(photo_picture(photo[:, ::-1].copy())) == pytest.approx(seen, abs=0.02)
    cast = (photo * np.array([1.0, 0.6, 0.6])).astype(np.uint8)
    assert np.abs(statistics(photo_picture(cast)) - seen).max() > 0.3
