import json
from pathlib import Path

import numpy as np

from workers.learning.overview import overview
from workers.learning.page import write
from workers.learning.results import Line, Row, tabulate

ROWS = (
    Row(
        figure="mean",
        label="mean of all",
        baseline="floor",
        ceiling=9.0,
        published=4.0,
        headline=True,
    ),
    Row(figure="spread", label="spread", published=0.5, small=True),
)


def figures(cases: object) -> dict[str, float]:
    values = np.array(cases, float)
    return {"mean": float(values.mean()), "spread": float(values.std()), "floor": 1.0}


def test_a_table_holds_each_figure_against_baseline_ceiling_and_what_was_published(
    tmp_path: Path,
) -> None:
    table = tabulate("Numbers", "Ten of them.", ROWS, range(10), figures)

    text = write(tmp_path, "numbers", "All numbers", [table], weights="abc")

    assert text == (tmp_path / "numbers.md").read_text()
    assert "- weights: abc" in text
    (mean,) = [line for line in text.splitlines() if "mean of all" in line]
    cells = [cell.strip() for cell in mean.split("|")[1:-1]]
    assert cells[1].startswith("4.500 (")
    assert cells[2:] == ["1.000", "9.000", "4.000", "met"]
    kept = json.loads((tmp_path / "numbers.json").read_text())
    assert kept["tables"][0]["lines"][1]["verdict"] == "short"


def test_a_figure_that_falls_short_says_so_and_whether_chance_may_explain_it() -> None:
    def verdict(value: float, *, small: bool = False) -> str:
        line = Line(label="", value=value, low=0.6, high=0.8, published=0.75, small=small)
        return line.verdict

    assert verdict(0.75) == "met"
    assert verdict(0.7) == "short, within the interval"
    assert verdict(0.7, small=True) == "met"
    assert Line(label="", value=0.5, low=0.4, high=0.6, published=0.75).verdict == "short"
    assert Line(label="", value=0.5).verdict == ""


def test_what_is_not_a_number_is_a_dash_and_null(tmp_path: Path) -> None:
    def unknown(_: object) -> dict[str, float]:
        return {"mean": float("nan")}

    table = tabulate("Nothing", "", (Row(figure="mean", label="none"),), [1, 2], unknown)

    assert "| none | - | - | - | - |  |" in write(tmp_path, "nothing", "Nothing", [table])
    kept = json.loads((tmp_path / "nothing.json").read_text())
    assert kept["tables"][0]["lines"][0]["value"] is None


def test_the_overview_shows_the_headlines_of_every_model_and_links_to_the_rest(
    tmp_path: Path,
) -> None:
    table = tabulate("Numbers", "Ten of them.", ROWS, range(10), figures)
    for name in ("first", "second"):
        write(tmp_path, name, f"The {name}", [table])

    text = overview(tmp_path)

    assert text == (tmp_path / "README.md").read_text()
    assert text.count("| mean of all | 4.500 (") == 2
    assert "spread" not in text
    assert "- [The second](second.md)" in text
    assert "Five folds" not in text


def test_folds_stand_apart_in_the_overview_for_they_are_other_trainings(tmp_path: Path) -> None:
    table = tabulate("Numbers", "Ten of them.", ROWS, range(10), figures)
    for name in ("first", "first-folds"):
        write(tmp_path, name, f"The {name}", [table])

    shipped, folds = overview(tmp_path).split("## Five folds")

    assert "| first |" in shipped
    assert "| first-folds |" not in shipped
    assert "| first-folds |" in folds
