import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from workers.learning.draw import calibration, draw, roc
from workers.learning.page import write
from workers.learning.plots import Classification, ConfusionMatrix, Curve, Plot, agreement
from workers.learning.results import Line, Table

CLASSES = Classification(
    title="disease",
    arms={"sure": (0.0, 0.1, 0.9, 1.0), "known": (0.1, 0.4, 0.35, 0.8)},
    true=(False, False, True, True),
)
CURVE = Curve(
    table=Table(
        title="Robustness: blur",
        note="",
        lines=tuple(
            Line(label=str(level), value=0.9 - level / 10, low=0.1, high=1.0, baseline=0.5)
            for level in range(5)
        ),
    ),
    of="r of region means",
)
GRADES = ConfusionMatrix(title="grades", grades=3, expert=(0, 0, 1, 2), found=(0, 1, 1, 2))
AREA = agreement("area", "mm2", [1.0, 2.0, 3.0, math.nan], [2.0, 2.0, 5.0, 5.0])


def words(path: Path) -> str:
    """Return the text of an SVG, one word after the other."""
    return " ".join(ET.parse(path).getroot().itertext())


def test_agreement_says_r_bias_and_limits_over_the_cases_that_were_measured(
    tmp_path: Path,
) -> None:
    draw(tmp_path / "one.svg", [AREA])

    assert AREA.true == (1.0, 2.0, 3.0)
    shown = words(tmp_path / "one.svg")
    assert "area: r 0.866" in shown
    # The differences are 1, 0, 2: their mean is 1, their SD is 1.
    assert "bias 1, limits -0.96 to 2.96" in shown
    assert "found minus true (mm2)" in shown


@pytest.mark.filterwarnings("ignore:Attempting to set identical")
def test_where_nothing_was_measured_the_plot_is_empty(tmp_path: Path) -> None:
    draw(tmp_path / "one.svg", [agreement("area", "mm2", [], [])])

    assert "area: r nan" in words(tmp_path / "one.svg")


def test_a_curve_stands_beside_its_baseline_also_where_no_ceiling_is_known(tmp_path: Path) -> None:
    draw(tmp_path / "one.svg", [CURVE])

    shown = words(tmp_path / "one.svg")
    assert "Robustness: blur" in shown
    assert "r of region means" in shown
    assert "baseline" in shown


def test_the_area_under_the_roc_is_the_share_of_pairs_in_the_right_order(tmp_path: Path) -> None:
    draw(tmp_path / "one.svg", [CLASSES])

    shown = words(tmp_path / "one.svg")
    assert "sure, AUC 1.000" in shown
    assert "known, AUC 0.750" in shown, "three of four pairs"
    wrong, right = roc(np.array(CLASSES.arms["known"]), np.array(CLASSES.true))
    assert wrong.tolist() == [0, 0, 0.5, 0.5, 1]
    assert right.tolist() == [0, 0.5, 0.5, 1, 1]


def test_calibration_holds_what_was_predicted_against_what_was_observed() -> None:
    probability = np.repeat([0.9, 0.1], 80)
    truth = np.tile(np.arange(10) < 3, 16)  # three of ten, whatever was predicted

    predicted, observed, interval = calibration(probability, truth)

    assert predicted == pytest.approx([0.1] * 4 + [0.9] * 4)
    assert observed == pytest.approx([0.3] * 8)
    # Wilson's interval of 6 of 20, as published tables have it.
    assert interval[:, 0] == pytest.approx([0.1455, 0.5190], abs=1e-3)


def test_each_grade_of_the_expert_is_a_row(tmp_path: Path) -> None:
    draw(tmp_path / "one.svg", [GRADES])

    svg = (tmp_path / "one.svg").read_text()
    cells = {
        (int(row), int(column)): int(count)
        for row, column, count in re.findall(
            r'id="cell-(\d)-(\d)".*?<text[^>]*>(\d)</text>', svg, re.DOTALL
        )
    }
    assert len(cells) == 9
    assert {cell: count for cell, count in cells.items() if count} == {
        (0, 0): 1,
        (0, 1): 1,
        (1, 1): 1,
        (2, 2): 1,
    }


@pytest.mark.parametrize("plots", [[AREA], [CURVE, CLASSES, GRADES, AREA]])
def test_the_same_figures_make_the_same_file(plots: list[Plot], tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "first", tmp_path / "again"):
        folder.mkdir()
        draw(folder / "one.svg", plots)
        contents.append((folder / "one.svg").read_bytes())

    assert contents[0] == contents[1]


def test_a_page_shows_its_plots(tmp_path: Path) -> None:
    text = write(tmp_path, "page", "A page", [], [AREA])

    assert "](page.svg)" in text
    assert (tmp_path / "page.svg").is_file()
    assert ".svg" not in write(tmp_path, "bare", "No plots", [])
