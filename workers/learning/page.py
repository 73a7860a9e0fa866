"""Page: tables and plots of one evaluation as Markdown, JSON and SVG."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.catalog import WeightsManifest
from workers.learning.plots import Plot
from workers.learning.results import Line, Table


def markdown(table: Table) -> str:
    """Return ``table`` in Markdown."""
    head = "| figure | here (95 % interval) | baseline | ceiling | published | |"
    rows = [
        f"| {one.label} | {_number(one.value)}{_range(one)} | {_number(one.baseline)} "
        f"| {_number(one.ceiling)} | {_number(one.published)} | {one.verdict} |"
        for one in table.lines
    ]
    return "\n".join([f"## {table.title}", "", table.note, "", head, "|---" * 6 + "|", *rows, ""])


def write(
    folder: Path,
    name: str,
    title: str,
    tables: Sequence[Table],
    plots: Sequence[Plot] = (),
    /,
    **facts: Any,
) -> str:
    """Write ``name``.md and ``name``.json into ``folder``; return the Markdown.

    ``facts`` (weights, subjects, command) stand above the tables and in the JSON; ``plots`` are
    drawn into ``name``.svg.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = [f"- {fact.replace('_', ' ')}: {value}" for fact, value in facts.items()]
    drawn = [f"![Plots of these figures]({name}.svg)", ""] if plots else []
    text = "\n".join([f"# {title}", "", *said, "", *drawn, *map(markdown, tables)])
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    record = {**facts, "title": title, "tables": [_record(one) for one in tables]}
    if plots:
        # Only who draws needs matplotlib: the extra ``evaluation``.
        from workers.learning.draw import draw  # noqa: PLC0415

        draw(folder / f"{name}.svg", plots)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return text


def facts_of(manifest: WeightsManifest, subjects: range | None = None) -> dict[str, str]:
    """Return what identifies an evaluation: the weights, how they were made, and the subjects."""
    facts = {"weights": manifest.digest[:16], "trained by": manifest.command}
    if subjects is not None:
        facts["phantom subjects"] = f"{subjects.start} to {subjects.stop - 1}, never trained on"
    return facts


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
