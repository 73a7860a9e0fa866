"""Plots: what a page shows that a table cannot; ``draw.py`` draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.learning.results import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was measured beside the truth, both (cases,) and in ``unit``: scatter, Bland-Altman."""

    title: str
    unit: str
    true: tuple[float, ...]
    found: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Lines of a table whose labels are numbers, in their order; ``of`` says what they measure."""

    table: Table
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Predicted probability of each case by arm, and whether it is one: ROC and calibration."""

    title: str
    arms: dict[str, tuple[float, ...]]
    true: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionMatrix:
    """Whole grades from 0 to ``grades`` - 1: how often each of the expert's met each of ours."""

    title: str
    grades: int
    expert: tuple[int, ...]
    found: tuple[int, ...]


Plot = Agreement | Curve | Classification | ConfusionMatrix


def agreement(title: str, unit: str, true: Sequence[float], found: Sequence[float]) -> Agreement:
    """Return the agreement over the cases where both are numbers."""
    both = np.array([true, found], np.float64).reshape(2, -1)
    kept = both[:, np.isfinite(both).all(axis=0)]
    return Agreement(
        title=title, unit=unit, true=tuple(kept[0].tolist()), found=tuple(kept[1].tolist())
    )
