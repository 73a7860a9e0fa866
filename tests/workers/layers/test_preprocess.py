import numpy as np
import pytest

from workers.contract import PixelSpacing
from workers.layers.preprocess import normalise, pad, working_shape


def spacing(row_mm: float, column_mm: float) -> PixelSpacing:
    return PixelSpacing(row_mm=row_mm, column_mm=column_mm, source="calibrated")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_gain_and_offset_do_not_change_the_normalised_frame(kind: type) -> None:
    frame = np.random.default_rng(0).integers(0, 60, (80, 90))
    one, two = normalise(frame.astype(kind)), normalise((frame * 3 + 40).astype(kind))
    assert one == pytest.approx(two, abs=1e-5)
    assert (one.min(), one.max()) == (-1, 1)


def test_a_hot_pixel_does_not_darken_the_frame() -> None:
    frame = np.random.default_rng(0).integers(0, 200, (80, 90)).astype(np.uint16)
    hot = frame.copy()
    hot[3, 4] = 65535
    assert np.abs(normalise(frame) - normalise(hot))[10:].max() < 0.02


def test_the_working_size_brings_pixels_to_the_trained_size_on_each_axis() -> None:
    assert working_shape((300, 600), spacing(0.002, 0.002)) == (300, 600)
    rows, columns = working_shape((500, 300), spacing(0.0007, 0.0048))
    assert rows == 250
    assert columns == 600


def test_without_spacing_the_scale_is_chosen_by_depth_alone() -> None:
    assert working_shape((250, 512), None) == (250, 512)
    rows, columns = working_shape((1000, 2400), None)
    assert rows / columns == pytest.approx(1000 / 2400, rel=0.01)
    assert rows == 357


def test_padding_repeats_the_edge_up_to_a_multiple_of_sixteen() -> None:
    frame = np.arange(65 * 70, dtype=np.float32).reshape(65, 70)
    padded = pad(frame)
    assert padded.shape == (80, 80)
    assert (padded[:65, :70] == frame).all()
    assert (padded[65:, 3] == frame[64, 3]).all()


@pytest.mark.parametrize("millimetres", [1.0, 0.0055, 0.0001])
def test_an_implausible_spacing_is_no_scale(millimetres: float) -> None:
    nominal = PixelSpacing(row_mm=millimetres, column_mm=0.001, source="nominal")
    assert working_shape((1000, 2400), nominal) == working_shape((1000, 2400), None)


def test_a_nominal_spacing_is_a_scale_for_the_network() -> None:
    nominal = PixelSpacing(row_mm=0.0007, column_mm=0.0007, source="nominal")
    assert working_shape((500, 300), nominal) == (250, 150)
