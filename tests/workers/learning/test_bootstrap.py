import numpy as np
import pytest

from workers.learning.bootstrap import correlation, intervals


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = list(np.random.default_rng(0).standard_normal(400))

    found = intervals(values, lambda drawn: {"mean": float(np.mean(drawn))}, draws=2000)

    low, high = found["mean"]
    assert low < np.mean(values) < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_a_figure_that_some_draws_do_not_have_is_bounded_by_the_others() -> None:
    def share(drawn: object) -> dict[str, float]:
        known = [one for one in np.atleast_1d(np.array(drawn)) if one >= 0]
        return {"share": float(np.mean(known)) if known else float("nan")}

    low, high = intervals([1.0, -1.0, -1.0], share, draws=200)["share"]

    assert (low, high) == (1, 1)


def test_intervals_are_repeatable() -> None:
    def mean(drawn: object) -> dict[str, float]:
        return {"mean": float(np.mean(np.array(drawn)))}

    values = [1.0, 5.0, 9.0]

    assert intervals(values, mean, draws=50) == intervals(values, mean, draws=50)
    assert intervals(values, mean, draws=50) != intervals(values, mean, draws=50, seed=1)


def test_a_correlation_with_a_constant_is_not_a_number() -> None:
    assert correlation([1, 2, 4], [2, 4, 8]) == pytest.approx(1)
    assert np.isnan(correlation([1, 1, 1], [1, 2, 3]))
    assert np.isnan(correlation([1, 2], [1, 2]))
