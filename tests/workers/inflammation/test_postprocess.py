import numpy as np
import pytest

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.findings import Measurement
from workers.inflammation.postprocess import grade_of, measurements, score_map

HALF_UM = PixelSpacing(row_mm=0.0005, column_mm=0.0005, source="calibrated")


def quarter_inflamed() -> np.ndarray:
    scores = np.zeros((1, 100, 200), np.float32)
    scores[:, :, :50] = 4
    return scores


def by_quantity(values: tuple[Measurement, ...]) -> dict[object, float]:
    return {one.quantity: one.value for one in values}


def test_grade_score_and_share_describe_the_whole_image() -> None:
    found = by_quantity(measurements(quarter_inflamed(), HALF_UM, score=1.6))
    assert found[codes.INFLAMMATION_SCORE] == pytest.approx(1.6)
    assert found[codes.INFLAMMATION_GRADE] == 2
    assert found[codes.AREA_FRACTION] == pytest.approx(25)
    assert found[codes.AREA] == pytest.approx(100 * 50 * 0.0005**2)


def test_without_spacing_no_area_is_given() -> None:
    values = measurements(quarter_inflamed(), None, score=1.0)
    assert codes.SQUARE_MILLIMETRE not in {one.unit for one in values}


@pytest.mark.parametrize(
    ("score", "grade"), [(0, 0), (0.49, 0), (0.5, 1), (2.5, 3), (3.6, 4), (4, 4)]
)
def test_the_grade_is_the_nearest_whole_score(score: float, grade: int) -> None:
    assert grade_of(score) == grade


def test_the_map_is_shown_over_the_whole_scale() -> None:
    assert score_map(quarter_inflamed()).display_range == (0, 4)
