"""Numbers and units as a person reads them."""

import pytest

from shared.wording import amount, rounded, unit_in_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (94.7601, "94.8"),
        (220.814, "221"),
        (1.0, "1"),
        (30.0, "30"),
        (0.18474, "0.185"),
        (0.0001234, "0.000123"),
        (1234.5, "1230"),
        (-3.254, "-3.25"),
        (0.9999, "1"),
        (0.0, "0"),
        (-0.0, "0"),
    ],
)
def test_a_number_has_three_significant_digits_and_no_exponent(value: float, text: str) -> None:
    assert rounded(value) == text


def test_what_is_without_a_unit_has_no_word_for_it() -> None:
    assert amount(1.0, "{score}", "score") == "1"
    assert amount(0.1847, "1", "no units") == "0.185"


def test_a_share_short_of_one_is_not_written_as_one() -> None:
    assert amount(0.9996, "1", "no units") == "more than 0.999"
    assert amount(0.9989, "1", "no units") == "0.999"
    assert amount(1.0, "1", "no units") == "1"


def test_units_are_words() -> None:
    assert amount(55.85, "[arb'U]", "arbitrary unit") == "55.9 arbitrary units"
    assert amount(12.49, "%", "percent") == "12.5 %"
    assert amount(73.68, "mm2", "mm2") == "73.7 square mm"


def test_a_unit_that_nobody_thought_of_keeps_its_meaning() -> None:
    assert unit_in_words("mm/s", "millimetres a second") == "millimetres a second"
