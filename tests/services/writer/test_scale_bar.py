"""A scale bar has the length that it says, and stands only where somebody measured."""

import numpy as np
import pytest
from PIL import ImageFont

from services.writer.overlay import render_overlay
from services.writer.scale_bar import draw_scale_bar, label, round_length
from shared.dicom.pixels import middle_of
from shared.dicom.spacing import SpacingMm
from tests import factories
from tests.services.writer.samples import SPEC, findings_for


@pytest.mark.parametrize(
    ("longest", "length"), [(1.0, 1.0), (9.9, 5.0), (0.3, 0.2), (47.0, 20.0), (0.0012, 0.001)]
)
def test_lengths_are_round_and_fit(longest: float, length: float) -> None:
    assert round_length(longest) == pytest.approx(length)


def test_labels_have_the_unit_that_fits() -> None:
    assert [label(one) for one in (20.0, 5.0, 0.2)] == ["2 cm", "5 mm", "200 um"]


def test_the_font_has_every_letter_of_the_labels() -> None:
    font = ImageFont.load_default(16)
    missing = bytes(font.getmask("\N{MICRO SIGN}"))
    letters = set("".join(label(one) for one in (20.0, 5.0, 0.2))) - {" "}
    assert not [one for one in letters if bytes(font.getmask(one)) == missing]


def test_the_bar_is_as_long_as_it_says() -> None:
    picture = draw_scale_bar(np.full((200, 400, 3), 90, np.uint8), 0.05)  # 30 % are 6 mm
    white = (picture[-14] == 255).all(axis=-1)
    assert white.sum() == 5.0 / 0.05


def _picture(spacing: SpacingMm | None) -> np.ndarray:
    source = factories.rgb_photo()
    shown = middle_of(factories.lesion_photo()[None])
    return render_overlay(findings_for(source), shown, SPEC, spacing)


def test_only_a_calibrated_image_has_a_bar() -> None:
    bare = _picture(None)
    nominal = _picture(SpacingMm(row_mm=0.1, column_mm=0.1, source="nominal"))
    calibrated = _picture(SpacingMm(row_mm=0.1, column_mm=0.1, source="calibrated"))
    np.testing.assert_array_equal(nominal, bare)
    assert (calibrated != bare).any()
