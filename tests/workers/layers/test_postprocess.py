import numpy as np
import pytest

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.findings import Measurement
from workers.layers.boundaries import Boundaries
from workers.layers.postprocess import entropy, measure_frame, measurements

HALF = PixelSpacing(row_mm=0.002, column_mm=0.002, source="calibrated")


def flat(surface: float = 20, junction: float = 80, columns: int = 300) -> Boundaries:
    line = np.ones(columns)
    return Boundaries(
        rows=200,
        surface=surface * line,
        corneum_bottom=(surface + 10) * line,
        junction=junction * line,
    )


def found(boundaries: Boundaries, spacing: PixelSpacing | None) -> tuple[Measurement, ...]:
    uncertainty = np.full((200, len(boundaries.surface)), 0.25, np.float32)
    measured = measure_frame(boundaries, uncertainty, spacing)
    return measurements([] if measured is None else [measured], spacing)


def value(values: tuple[Measurement, ...], quantity: object, segment: int | None) -> float:
    (one,) = (
        one.value
        for one in values
        if one.quantity == quantity
        and one.segment_number == segment
        and one.derivation == codes.MEAN
    )
    return one


def test_flat_layers_are_measured_in_micrometres() -> None:
    values = found(flat(), HALF)
    assert value(values, codes.LAYER_THICKNESS, 1) == pytest.approx(20, abs=0.1)
    assert value(values, codes.LAYER_THICKNESS, 2) == pytest.approx(100, abs=0.1)
    assert value(values, codes.DEJ_UNDULATION, None) == pytest.approx(1, abs=1e-3)
    assert value(values, codes.PROTRUSION_COUNT, None) == 0
    assert value(values, codes.PREDICTIVE_ENTROPY, None) == pytest.approx(0.25)
    assert codes.PROTRUSION_DEPTH not in {one.quantity for one in values}


def test_without_spacing_nothing_is_given_in_micrometres() -> None:
    values = found(flat(), None)
    assert value(values, codes.LAYER_THICKNESS, 2) == pytest.approx(50)
    assert {one.unit for one in values} == {codes.PIXELS, codes.RATIO}
    assert codes.DEJ_UNDULATION not in {one.quantity for one in values}


def test_pixels_that_are_not_square_are_measured_by_their_real_size() -> None:
    column = np.arange(600.0)
    boundaries = flat(columns=600)
    bent = Boundaries(
        rows=200,
        surface=boundaries.surface,
        corneum_bottom=boundaries.corneum_bottom,
        junction=80 + 10 * np.sin(2 * np.pi * column / 120),
    )
    narrow = PixelSpacing(row_mm=0.002, column_mm=0.001, source="calibrated")
    x = np.linspace(0, 1, 100_001)
    ratio = np.hypot(1, 2 * np.pi * 20 / 120 * np.cos(2 * np.pi * x)).mean()
    assert value(found(bent, narrow), codes.DEJ_UNDULATION, None) == pytest.approx(ratio, rel=0.03)


def test_a_junction_below_the_picture_is_not_measured() -> None:
    assert found(flat(junction=200), HALF) == ()


def test_a_surface_above_the_picture_is_not_measured() -> None:
    assert found(flat(surface=0), HALF) == ()


def test_entropy_runs_from_certain_to_undecided() -> None:
    certain = np.array([1, 0, 0, 0], np.float32)[:, None, None]
    undecided = np.full((4, 1, 1), 0.25, np.float32)
    assert entropy(certain)[0, 0] == pytest.approx(0, abs=1e-4)
    assert entropy(undecided)[0, 0] == pytest.approx(1)
    assert entropy(undecided).dtype == np.float32
