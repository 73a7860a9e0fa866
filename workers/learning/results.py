"""Results: tables of figures as a stranger can read and check them; ``page.py`` writes them.

Beside each figure stand its 95 % confidence interval, a baseline that learnt nothing or little, the
ceiling (what a reader who knows all that the image can tell would reach) and what was published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from workers.learning.bootstrap import Case, intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Which figure, and what it is held against.

    ``baseline`` and ``ceiling`` are names of figures, or numbers; ``published`` is the published
    value, ``small`` whether less is better. A ``headline`` also stands in the overview.
    """

    figure: str
    label: str
    baseline: str | float | None = None
    ceiling: str | float | None = None
    published: float | None = None
    small: bool = False
    headline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table; ``None`` is "not known"."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    ceiling: float | None = None
    published: float | None = None
    small: bool = False
    headline: bool = False

    @property
    def verdict(self) -> str:
        """Say whether the published figure is met; empty where there is none."""
        if self.published is None:
            return ""
        ahead = self.published - self.value if self.small else self.value - self.published
        if ahead >= 0:
            return "met"
        low, high = self.low, self.high
        inside = low is not None and high is not None and low <= self.published <= high
        return "short, within the interval" if inside else "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Lines under a title; ``note`` says what was measured on what."""

    title: str
    note: str
    lines: tuple[Line, ...]


def tabulate(
    title: str,
    note: str,
    rows: Sequence[Row],
    cases: Sequence[Case],
    figures: Callable[[Sequence[Case]], Mapping[str, float]],
) -> Table:
    """Return the table of ``rows`` over ``cases``, one case a subject, with intervals."""
    found, spread = figures(cases), intervals(cases, figures)

    def one(row: Row) -> Line:
        low, high = spread[row.figure]
        return Line(
            label=row.label,
            value=found[row.figure],
            low=low,
            high=high,
            baseline=_look_up(found, row.baseline),
            ceiling=_look_up(found, row.ceiling),
            published=row.published,
            small=row.small,
            headline=row.headline,
        )

    return Table(title=title, note=note, lines=tuple(map(one, rows)))


def _look_up(found: Mapping[str, float], name: str | float | None) -> float | None:
    return found[name] if isinstance(name, str) else name
