import numpy as np
import pytest

from workers.contract import PixelSpacing
from workers.inflammation.preprocess import normalise, working_shape


def texture(rows: int = 200, columns: int = 220) -> np.ndarray:
    return np.random.default_rng(0).integers(20, 80, (rows, columns))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_gain_and_offset_do_not_change_the_normalised_frame(kind: type) -> None:
    one = normalise(texture().astype(kind))
    two = normalise((texture() * 3 + 10).astype(kind))
    assert one == pytest.approx(two, abs=1e-3)


def test_a_shadow_over_half_the_frame_is_taken_out() -> None:
    shaded = texture().astype(np.float32)
    shaded[:, 110:] *= 0.6
    found = normalise(shaded)
    assert found[:, :70].std() == pytest.approx(found[:, 150:].std(), rel=0.1)


def test_a_window_is_normalised_by_its_surroundings_and_not_by_its_frame() -> None:
    frame = texture(400, 400).astype(np.float32)
    frame[0, :2] = (0, 100)
    other = frame.copy()
    other[300:] = other[300:, ::-1]
    assert np.array_equal(normalise(frame)[:200], normalise(other)[:200])


def test_the_working_size_brings_pixels_to_the_trained_size() -> None:
    coarse = PixelSpacing(row_mm=0.0016, column_mm=0.0005, source="nominal")
    assert working_shape((100, 100), coarse) == (267, 83)
    assert working_shape((100, 100), None) == (100, 100)


@pytest.mark.parametrize("millimetres", [1.0, 0.0026, 0.00005])
def test_an_implausible_spacing_is_no_scale(millimetres: float) -> None:
    nominal = PixelSpacing(row_mm=millimetres, column_mm=0.0005, source="nominal")
    assert working_shape((100, 100), nominal) == (100, 100)
