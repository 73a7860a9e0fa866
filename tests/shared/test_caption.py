"""Captions stand below the picture, which stays as it is."""

import numpy as np
from PIL import ImageFont

from shared.caption import Line, draw_caption
from shared.wording import CAUTION, amount

_PICTURE = np.full((40, 700, 3), 90, np.uint8)


def test_the_picture_is_untouched_and_the_caution_below_it() -> None:
    drawn = draw_caption(_PICTURE, [])
    np.testing.assert_array_equal(drawn[:40], _PICTURE)
    assert drawn[40:].any()


def test_a_bar_is_drawn_whole_below_its_text() -> None:
    bar = np.full((30, 500, 3), (10, 200, 30), np.uint8)
    drawn = draw_caption(_PICTURE, [Line(text="a map", bar=bar), Line(text="after it")])
    found = (drawn == (10, 200, 30)).all(axis=-1)
    assert found.sum() == 30 * 500
    assert drawn[np.flatnonzero(found.any(axis=1)).max() + 1 :].any()


def test_a_long_text_is_broken_and_has_one_patch_and_one_bar() -> None:
    bar = np.full((30, 500, 3), (10, 200, 30), np.uint8)
    line = Line(text="word " * 60, swatch=(200, 10, 30), bar=bar)
    drawn = draw_caption(_PICTURE, [line])
    assert (drawn == (10, 200, 30)).all(axis=-1).sum() == bar[..., 0].size
    patch = (drawn == (200, 10, 30)).all(axis=-1)
    assert np.flatnonzero(patch.any(axis=1)).size < 20
    assert len(drawn) > len(draw_caption(_PICTURE, [Line(text="word")])) + 60


def test_the_font_has_every_letter_of_caution_and_units() -> None:
    font = ImageFont.load_default(16)
    missing = bytes(font.getmask("\N{MICRO SIGN}"))
    units = (("um", "um"), ("mm2", "mm2"), ("%", "percent"), ("[arb'U]", "arbitrary unit"))
    said = CAUTION + "".join(amount(0.5, *unit) for unit in units)
    assert not [one for one in set(said) - {" "} if bytes(font.getmask(one)) == missing]
