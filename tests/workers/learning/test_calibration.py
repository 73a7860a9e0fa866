import pytest

from shared.dicom import codes
from workers.contract import PixelSpacing
from workers.learning.calibration import calibrated, calibration, scale_hint, why_implausible

PLAUSIBLE = (0.2, 5.0)


def spacing(row_mm: float, column_mm: float = 0.001, source: str = "calibrated") -> PixelSpacing:
    return PixelSpacing(row_mm=row_mm, column_mm=column_mm, source=source)


def test_only_a_calibrated_spacing_may_be_measured_with() -> None:
    assert calibrated(spacing(0.001)) == spacing(0.001)
    assert calibrated(spacing(0.001, source="nominal")) is None
    assert calibrated(None) is None


def test_a_nominal_spacing_hints_at_the_scale_if_it_is_plausible() -> None:
    nominal = spacing(0.001, source="nominal")
    assert scale_hint(nominal, PLAUSIBLE) == nominal
    assert scale_hint(spacing(1.0, source="nominal"), PLAUSIBLE) is None


@pytest.mark.parametrize("sides", [(1.0, 0.001), (0.001, 1.0), (0.0001, 0.001)])
def test_a_calibration_far_off_the_instrument_is_a_reason_not_to_read(
    sides: tuple[float, float],
) -> None:
    assert "not plausible" in why_implausible(spacing(*sides), PLAUSIBLE)
    assert why_implausible(spacing(*sides, source="nominal"), PLAUSIBLE) == ""


def test_a_plausible_or_absent_calibration_is_no_reason_against_reading() -> None:
    assert why_implausible(spacing(0.001), PLAUSIBLE) == ""
    assert why_implausible(None, PLAUSIBLE) == ""


@pytest.mark.parametrize(
    ("one", "answer", "note"),
    [
        (spacing(0.001), codes.CALIBRATED, "Pixel spacing is calibrated."),
        (None, codes.NOT_CALIBRATED, "No pixel spacing: in pixels."),
        (
            spacing(0.001, source="nominal"),
            codes.NOT_CALIBRATED,
            "Nominal spacing only: in pixels.",
        ),
    ],
)
def test_the_report_says_whether_the_size_of_a_pixel_is_known(
    one: PixelSpacing | None, answer: object, note: str
) -> None:
    found = calibration(one, without="in pixels")
    assert (found.answer, found.note) == (answer, note)
