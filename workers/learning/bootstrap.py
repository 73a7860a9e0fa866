"""Bootstrap: how far a figure might be off, had other subjects been drawn. NumPy only."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Case = TypeVar("Case")

Interval = tuple[float, float]
"""Lower and upper end of a 95 % confidence interval."""


def intervals(
    subjects: Sequence[Case],
    figures: Callable[[Sequence[Case]], Mapping[str, float]],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return the 95 % percentile interval of each of the ``figures`` (Efron, Ann Stat 1979;7:1).

    One element of ``subjects`` is all that belongs to one subject: whole subjects are drawn, with
    replacement. Draws in which a figure is not a number (a class that was not drawn) are left out.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(draws):
        chosen = rng.integers(len(subjects), size=len(subjects))
        for name, value in figures([subjects[one] for one in chosen]).items():
            drawn.setdefault(name, []).append(value)
    return {name: _interval(np.array(values, np.float64)) for name, values in drawn.items()}


def correlation(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return Pearson's r; NaN with fewer than three pairs, or where one side is constant."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(one) < 3 or min(one.std(), other.std()) < 1e-12:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _interval(values: npt.NDArray[np.float64]) -> Interval:
    known = values[np.isfinite(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
