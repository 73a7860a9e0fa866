"""References: what grades without a network, and what the best possible reader would reach.

The baseline is a regression on five numbers of the whole picture. The ceiling is Bayes' rule on
what the simulation puts into a field: a reader who measures the width of the borders and the
disorder of the lattice without error and counts every cell and vesicle. How strongly each sign
follows the score differs between subjects by chance, so even that reader errs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from workers.inflammation.phantom import DRAWN_MICROMETRES, Field
from workers.inflammation.postprocess import grade_of
from workers.inflammation.preprocess import normalise

EXPERT_SPREAD = 0.11
"""SD, in scores, of the expert whose grade is the published truth."""

_SIDE = 400
_GRID = np.linspace(0, 4, 161)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What the best possible reader reaches; ``expert_accuracy`` against an expert's grades."""

    mae: float
    accuracy: float
    expert_accuracy: float


def expert_grade(subject: int, true: float) -> int:
    """Return the grade that a simulated expert gives to a field of score ``true``."""
    return grade_of(true + EXPERT_SPREAD * np.random.default_rng((subject, 2)).standard_normal())


@cache
def oracle(subjects: int = 4000) -> Oracle:
    """Return the figures of the best possible reader over so many simulated subjects."""
    rng = np.random.default_rng(0)
    true = np.clip(rng.uniform(-0.4, 4.4, subjects), 0, 4)
    found = np.array([_posterior_mean(rng, one) for one in true])
    expert = [expert_grade(number, one) for number, one in enumerate(true)]
    grades = [grade_of(one) for one in found]
    return Oracle(
        mae=float(np.abs(found - true).mean()),
        accuracy=float(np.mean([a == grade_of(b) for a, b in zip(grades, true, strict=True)])),
        expert_accuracy=float(np.mean(np.equal(grades, expert))),
    )


def fit_statistics(fields: Sequence[Field]) -> Floats:
    """Return the coefficients of a linear regression of the score on :func:`statistics`."""
    seen = np.stack([statistics(one) for one in fields])
    coefficients, *_ = np.linalg.lstsq(
        seen, np.array([one.score.mean() for one in fields]), rcond=None
    )
    return np.asarray(coefficients, np.float64)


def statistics(one: Field) -> Floats:
    """Return 1, skewness, bright share, and texture energy at three scales."""
    pixels = normalise(one.pixels)
    blurred = [cv2.GaussianBlur(pixels, (0, 0), sigma) for sigma in (1, 2, 4, 8)]
    energy = [np.log((a - b).std() + 1e-6) for a, b in pairwise(blurred)]
    skew = ((pixels - pixels.mean()) ** 3).mean() / pixels.std() ** 3
    return np.array([1.0, skew, (pixels > 2).mean(), *energy], np.float64)


def _posterior_mean(rng: np.random.Generator, score: float) -> float:
    """Return what Bayes' rule makes of the signs drawn for a field of ``score``."""
    side = _SIDE * rng.uniform(*DRAWN_MICROMETRES)
    area = (side / 64) ** 2
    # The same laws as in phantom.py: slopes differ by subject, counts are Poisson.
    width, disorder = score * rng.uniform(0.6, 1.4), score * rng.uniform(0.7, 1.3)
    cells = rng.poisson((0.25 + 1.15 * score**1.5) * area)
    vesicles = rng.poisson(max(score - 2.2, 0) * 0.5 * area)
    log_p = _log_uniform(width, 0.6, 1.4) + _log_uniform(disorder, 0.7, 1.3)
    log_p += _log_poisson(cells, (0.25 + 1.15 * _GRID**1.5) * area)
    log_p += _log_poisson(vesicles, np.maximum(_GRID - 2.2, 0) * 0.5 * area)
    # A clipped uniform score: both ends of the scale hold a tenth of the subjects or nearly so.
    log_p[[0, -1]] += np.log(0.4 / (_GRID[1] - _GRID[0]))
    weight = np.exp(log_p - log_p.max())
    return float((weight * _GRID).sum() / weight.sum())


def _log_uniform(seen: float, low: float, high: float) -> Floats:
    """Return log density of ``seen`` = score x U(low, high), at each score of the grid."""
    factor = seen / np.maximum(_GRID, 1e-9)
    inside = (factor >= low) & (factor <= high) if seen > 0 else _GRID == 0
    return np.where(inside, -np.log(np.maximum(_GRID, 1e-2)), -60.0)


def _log_poisson(count: int, mean: Floats) -> Floats:
    return np.asarray(count * np.log(np.maximum(mean, 1e-9)) - mean, np.float64)
