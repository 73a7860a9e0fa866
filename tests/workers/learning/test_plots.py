import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from workers.learning.page import write
from workers.learning.plots import Calling, Curve, Grading, Plot, agreement, write_plots
from workers.learning.results import Line, Table

CALLING = Calling(
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
GRADING = Grading(title="grades", grades=3, true=(0, 0, 1, 2), found=(0, 1, 1, 2))
AREA = agreement("area", "mm2", [1.0, 2.0, 3.0, math.nan], [2.0, 3.0, 4.0, 5.0])


def words(path: Path) -> str:
    """Return the text of an SVG, one word after the other."""
    return " ".join(ET.parse(path).getroot().itertext())


def test_agreement_says_r_bias_and_limits_over_the_cases_that_were_measured(
    tmp_path: Path,
) -> None:
    write_plots(tmp_path / "one.svg", [AREA])

    assert AREA.true == (1.0, 2.0, 3.0)
    shown = words(tmp_path / "one.svg")
    assert "area: r 1.000" in shown
    assert "bias 1, limits of agreement ±0" in shown
    assert "found minus true (mm2)" in shown


def test_a_curve_stands_beside_its_baseline_also_where_no_ceiling_is_known(tmp_path: Path) -> None:
    write_plots(tmp_path / "one.svg", [CURVE])

    shown = words(tmp_path / "one.svg")
    assert "Robustness: blur" in shown
    assert "r of region means" in shown
    assert "baseline" in shown


def test_the_area_under_the_roc_is_the_share_of_pairs_in_the_right_order(tmp_path: Path) -> None:
    write_plots(tmp_path / "one.svg", [CALLING])

    shown = words(tmp_path / "one.svg")
    assert "sure, AUC 1.000" in shown
    assert "known, AUC 0.750" in shown, "three of four pairs"


def test_grades_are_counted_by_what_was_expected(tmp_path: Path) -> None:
    write_plots(tmp_path / "one.svg", [GRADING])

    texts = [one.text for one in ET.parse(tmp_path / "one.svg").iter() if one.tag.endswith("text")]
    assert texts.count("1") == 4 + 2, "four cells with one case, and two axes with a grade 1"


@pytest.mark.parametrize("plots", [[AREA], [CURVE, CALLING, GRADING, AREA]])
def test_the_same_figures_make_the_same_file(plots: list[Plot], tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "first", tmp_path / "again"):
        folder.mkdir()
        write_plots(folder / "one.svg", plots)
        contents.append((folder / "one.svg").read_bytes())

    assert contents[0] == contents[1]


def test_a_page_shows_its_plots(tmp_path: Path) -> None:
    text = write(tmp_path, "page", "A page", [], [AREA])

    assert "](page.svg)" in text
    assert (tmp_path / "page.svg").is_file()
    assert ".svg" not in write(tmp_path, "bare", "No plots", [])
