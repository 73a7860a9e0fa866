import numpy as np
import pytest

from workers.learning.grayscale import MOST_PIXELS, resize, shape_at, why_unusable


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros((1, 100, 100, 3), np.uint8), "grayscale"),
        (np.random.default_rng(0).random((1, 63, 300)), "smaller than 64"),
        (np.full((1, 100, 100), 7, np.uint8), "contrast"),
        (np.full((1, 100, 100), np.nan, np.float32), "numbers"),
        (np.full((1, 100, 100), np.inf, np.float32), "numbers"),
    ],
)
def test_what_cannot_be_read_is_declined_with_a_reason(pixels: np.ndarray, why: str) -> None:
    assert why in why_unusable(pixels, 64)


def test_a_usable_stack_is_not_declined() -> None:
    assert why_unusable(np.random.default_rng(0).integers(0, 255, (2, 64, 64)), 64) == ""


def test_resizing_keeps_the_mean() -> None:
    frame = np.random.default_rng(0).random((120, 240)).astype(np.float32)
    assert resize(frame, (60, 80)).shape == (60, 80)
    assert resize(frame, (60, 80)).mean() == pytest.approx(frame.mean(), abs=1e-3)


def test_no_frame_is_enlarged_beyond_the_cap_and_its_proportions_stay() -> None:
    rows, columns = shape_at((4000, 8000), (5.0, 5.0), (0.4, 0.8))
    assert rows * columns <= MOST_PIXELS * 1.001
    assert columns / rows == pytest.approx(2, rel=1e-3)


def test_a_frame_larger_than_the_cap_keeps_its_size() -> None:
    assert shape_at((20_000, 10_000), (0.5, 0.5), (0.4, 0.8)) == (20_000, 10_000)
    rows, columns = shape_at((20_000, 10_000), (5.0, 5.0), (0.4, 0.8))
    assert (rows, columns) == (20_000, 10_000)
