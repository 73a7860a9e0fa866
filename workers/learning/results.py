"""Results: tables of figures as a stranger can read and check them, in Markdown and JSON.

Beside each figure stand its 95 % confidence interval, a baseline that learnt nothing or little, the
ceiling (what a reader who knows all that the image can tell would reach) and what was published.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.catalog import WeightsManifest
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


def markdown(table: Table) -> str:
    """Return ``table`` in Markdown."""
    head = "| figure | here (95 % interval) | baseline | ceiling | published | |"
    rows = [
        f"| {one.label} | {_number(one.value)}{_range(one)} | {_number(one.baseline)} "
        f"| {_number(one.ceiling)} | {_number(one.published)} | {one.verdict} |"
        for one in table.lines
    ]
    return "\n".join([f"## {table.title}", "", table.note, "", head, "|---" * 6 + "|", *rows, ""])


def write(folder: Path, name: str, title: str, tables: Sequence[Table], **facts: Any) -> str:
    """Write ``name``.md and ``name``.json into ``folder``; return the Markdown.

    ``facts`` (weights, subjects, command) stand above the tables and in the JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = [f"- {fact.replace('_', ' ')}: {value}" for fact, value in facts.items()]
    text = "\n".join([f"# {title}", "", *said, "", *map(markdown, tables)])
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    record = {**facts, "title": title, "tables": [_record(one) for one in tables]}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return text


def facts_of(manifest: WeightsManifest, subjects: range | None = None) -> dict[str, str]:
    """Return what identifies an evaluation: the weights, how they were made, and the subjects."""
    facts = {"weights": manifest.digest[:16], "trained by": manifest.command}
    if subjects is not None:
        facts["phantom subjects"] = f"{subjects.start} to {subjects.stop - 1}, never trained on"
    return facts


def _look_up(found: Mapping[str, float], name: str | float | None) -> float | None:
    return found[name] if isinstance(name, str) else name


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _range(line: Line) -> str:
    if line.low is None or line.high is None or not math.isfinite(line.low):
        return ""
    return f" ({_number(line.low)} to {_number(line.high)})"


def _record(table: Table) -> dict[str, Any]:
    def finite(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else round(value, 6)

    lines = [
        {
            "figure": one.label,
            "value": finite(one.value),
            "interval": [finite(one.low), finite(one.high)],
            "baseline": finite(one.baseline),
            "ceiling": finite(one.ceiling),
            "published": one.published,
            "smaller is better": one.small,
            "headline": one.headline,
            "verdict": one.verdict,
        }
        for one in table.lines
    ]
    return {"title": table.title, "note": table.note, "lines": lines}
