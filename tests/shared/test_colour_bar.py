"""A colour bar is read from left to right and says where it ends."""

import numpy as np

from shared.colour_bar import colour_bar, heat_colours


def test_the_colours_get_brighter() -> None:
    brightness = heat_colours().sum(axis=1, dtype=np.int64)
    assert (np.diff(brightness) >= 0).all()


def test_a_bar_has_every_colour_in_order() -> None:
    bar = colour_bar(0.0, 4.0, highest=4.0)
    row = bar[10, 1:-1].astype(np.int64).sum(axis=-1)
    assert (np.diff(row) >= 0).all()
    np.testing.assert_array_equal(bar[10, 1], heat_colours()[0])
    np.testing.assert_array_equal(bar[10, -2], heat_colours()[-1])


def test_a_bar_fits_the_narrowest_caption() -> None:
    assert colour_bar(0.0, 1.0, highest=1.0).shape[1] <= 616


def test_the_last_label_says_that_there_is_more() -> None:
    assert (colour_bar(0, 1, highest=2.0) != colour_bar(0, 1, highest=1.0)).any()


def test_a_window_that_is_off_by_a_rounding_error_has_the_same_bar() -> None:
    off = colour_bar(-1e-14, 94.8 - 1e-10, highest=94.8)
    np.testing.assert_array_equal(off, colour_bar(0.0, 94.8, highest=94.8))


def test_a_flat_map_has_a_bar() -> None:
    assert colour_bar(7.0, 7.0, highest=7.0).size
