"""Overview: the headline figures of all models on one page, read from what each has written.

``python -m workers.learning.overview``; ``cutis eval`` runs it after the models.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEAD = """# Results

Every table here is printed by `cutis eval` (`make eval`) from the weights in this repository, with
plots; those of five folds by `cutis eval MODEL --folds`. Phantom figures are on simulated subjects
that no network was trained on; they say nothing about patients. Real photos stand in a table of
their own. Intervals are 95 % percentile bootstraps over subjects.
"""
_TABLE = "| model | figure | here (95 % interval) | published | |\n|---|---|---|---|---|"
_FOLDS = """## Five folds

Not the weights of this repository: for each fold a network was trained much shorter (the pages say
how long) on four fifths of fewer subjects. They show how far trainings differ.
"""


def overview(folder: Path) -> str:
    """Write ``README.md`` into ``folder``: the headlines of all models' JSON there; return it."""
    records = [
        (path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*.json"))
    ]
    shipped: list[str] = []
    folds: list[str] = []
    for name, record in records:
        (folds if name.endswith("-folds") else shipped).extend(_headlines(name, record))
    pages = [f"- [{record['title']}]({name}.md)" for name, record in records]
    of_folds = [_FOLDS, _TABLE, *folds, ""] if folds else []
    text = "\n".join([_HEAD, _TABLE, *shipped, "", *of_folds, "All figures:", "", *pages, ""])
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text


def _headlines(name: str, record: dict[str, Any]) -> Iterator[str]:
    headlines = [
        (line, f", {table['title']}" if index else "")
        for index, table in enumerate(record["tables"])
        for line in table["lines"]
        if line["headline"]
    ]
    for line, where in headlines:
        spread = [f"{one:.3f}" for one in line["interval"] if one is not None]
        published = "-" if line["published"] is None else f"{line['published']:g}"
        sign = "at most " if line["smaller is better"] and line["published"] is not None else ""
        yield (
            f"| {name} | {line['figure']}{where} | {line['value']:.3f} ({' to '.join(spread)}) "
            f"| {sign}{published} | {line['verdict']} |"
        )


def main() -> None:
    """Write and print the overview; options of the evaluations are not looked at."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    given, _ = parser.parse_known_args()
    sys.stdout.write(overview(given.output))


if __name__ == "__main__":
    main()
