"""Bias and limits of agreement."""

import numpy as np
import pytest

from workers.learning.agreement import bland_altman


def test_a_constant_difference_is_all_bias() -> None:
    assert bland_altman([3.0, 5.0, 8.0], [1.0, 3.0, 6.0]) == pytest.approx((2.0, 0.0))


def test_the_limits_are_1_96_standard_deviations_of_the_difference() -> None:
    # Of 1, -1 and 0 the sample standard deviation is 1.
    assert bland_altman([1.0, -1.0, 5.0], [0.0, 0.0, 5.0]) == pytest.approx((0.0, 1.96))


@pytest.mark.parametrize("cases", [[], [1.0]])
def test_without_two_cases_there_is_no_number(cases: list[float]) -> None:
    assert np.isnan(bland_altman(cases, cases)).all()
