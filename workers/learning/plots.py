"""Plots: what a table cannot show, as one SVG for each model; the same figures, the same file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.results import Table

_OURS, _RIVAL, _LIMIT = "#1f5fa8", "#b4571a", "#5a5a5a"
_COLUMNS = 4
_SIDE = 2.6
_BINS = 8

Drawing = Callable[[Axes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was measured beside the truth, both (cases,) and in ``unit``: r, Bland and Altman."""

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
class Calling:
    """Probability of each case by arm, and whether it is one: ROC, and what comes true."""

    title: str
    arms: dict[str, tuple[float, ...]]
    true: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """Whole grades from 0 to ``grades`` - 1, found and expected: how often each met each."""

    title: str
    grades: int
    true: tuple[int, ...]
    found: tuple[int, ...]


Plot = Agreement | Curve | Calling | Grading


def agreement(title: str, unit: str, true: Sequence[float], found: Sequence[float]) -> Agreement:
    """Return the agreement over the cases where both are numbers."""
    both = np.array([true, found], np.float64)
    kept = both[:, np.isfinite(both).all(axis=0)]
    return Agreement(
        title=title, unit=unit, true=tuple(kept[0].tolist()), found=tuple(kept[1].tolist())
    )


def write_plots(path: Path, plots: Sequence[Plot]) -> None:
    """Write ``plots`` as one SVG, four panels a row."""
    drawings = [drawing for one in plots for drawing in _drawings(one)]
    rows = -(-len(drawings) // _COLUMNS)
    # Ids in an SVG are drawn by chance otherwise, and its text would be outlines.
    with mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.size": 7}):
        figure = Figure((_COLUMNS * _SIDE, rows * _SIDE), layout="constrained")
        for place, drawing in enumerate(drawings, start=1):
            drawing(figure.add_subplot(rows, _COLUMNS, place))
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _drawings(plot: Plot) -> Iterator[Drawing]:
    match plot:
        case Agreement():
            yield lambda axes: _scatter(axes, plot)
            yield lambda axes: _differences(axes, plot)
        case Curve():
            yield lambda axes: _curve(axes, plot)
        case Calling():
            yield lambda axes: _roc(axes, plot)
            yield lambda axes: _came_true(axes, plot)
        case Grading():
            yield lambda axes: _grades(axes, plot)


def _scatter(axes: Axes, one: Agreement) -> None:
    ends = [min(*one.true, *one.found), max(*one.true, *one.found)]
    axes.plot(ends, ends, color=_LIMIT, linewidth=0.8)
    axes.plot(one.true, one.found, ".", color=_OURS, markersize=3)
    axes.set_title(f"{one.title}: r {correlation(one.true, one.found):.3f}")
    axes.set_xlabel(f"true ({one.unit})")
    axes.set_ylabel(f"found ({one.unit})")


def _differences(axes: Axes, one: Agreement) -> None:
    true, found = np.array(one.true), np.array(one.found)
    bias, limits = bland_altman(found, true)
    axes.plot((true + found) / 2, found - true, ".", color=_OURS, markersize=3)
    axes.axhline(bias, color=_OURS, linewidth=0.8)
    for end in (bias - limits, bias + limits):
        axes.axhline(end, color=_LIMIT, linewidth=0.8, linestyle="--")
    axes.set_title(f"bias {bias:.3g}, limits of agreement ±{limits:.3g}")
    axes.set_xlabel(f"mean of true and found ({one.unit})")
    axes.set_ylabel(f"found minus true ({one.unit})")


def _curve(axes: Axes, one: Curve) -> None:
    lines = one.table.lines
    at = [float(line.label) for line in lines]
    value, low, high, baseline, ceiling = (
        # None, "not known", is a gap.
        np.array([getattr(line, name) for line in lines], np.float64)
        for name in ("value", "low", "high", "baseline", "ceiling")
    )
    axes.fill_between(at, low, high, color=_OURS, alpha=0.2, linewidth=0)
    axes.plot(at, value, ".-", color=_OURS, label="model")
    axes.plot(at, baseline, ".--", color=_RIVAL, label="baseline")
    axes.plot(at, ceiling, ":", color=_LIMIT, label="ceiling")
    axes.set_ylim(top=1)
    axes.set_title(one.table.title)
    axes.set_ylabel(one.of)
    axes.legend(frameon=False)


def _roc(axes: Axes, one: Calling) -> None:
    truth = np.array(one.true)
    axes.plot([0, 1], [0, 1], color=_LIMIT, linewidth=0.8)
    for (arm, probability), style in zip(one.arms.items(), ("-", "--", ":"), strict=False):
        wrong, right = _roc_of(np.array(probability), truth)
        area = float(np.trapezoid(right, wrong))
        axes.plot(wrong, right, style, label=f"{arm}, AUC {area:.3f}", linewidth=1.2)
    axes.set_title(f"{one.title}: ROC")
    axes.set_xlabel("1 - specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(frameon=False, loc="lower right")


def _roc_of(
    probability: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return 1 - specificity and sensitivity at every threshold, from 0, 0 to 1, 1."""
    cuts = np.append(np.inf, np.unique(probability)[::-1])
    called = probability[None] >= cuts[:, None]
    return called[:, ~truth].mean(axis=1), called[:, truth].mean(axis=1)


def _came_true(axes: Axes, one: Calling) -> None:
    truth = np.array(one.true)
    axes.plot([0, 1], [0, 1], color=_LIMIT, linewidth=0.8)
    for (arm, probability), style in zip(one.arms.items(), ("-", "--", ":"), strict=False):
        order = np.argsort(probability, kind="stable")
        bins = [part for part in np.array_split(order, _BINS) if part.size]
        said = [float(np.array(probability)[part].mean()) for part in bins]
        axes.plot(said, [float(truth[part].mean()) for part in bins], f".{style}", label=arm)
    axes.set_title(f"{one.title}: calibration, eighths of the cases")
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share that is true")
    axes.legend(frameon=False)


def _grades(axes: Axes, one: Grading) -> None:
    counts = np.zeros((one.grades, one.grades), np.int64)
    np.add.at(counts, (np.array(one.true), np.array(one.found)), 1)
    axes.imshow(counts, cmap="Blues", vmax=counts.max() * 1.4)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center")
    axes.set_xticks(range(one.grades))
    axes.set_yticks(range(one.grades))
    axes.set_title(one.title)
    axes.set_xlabel("found")
    axes.set_ylabel("expected")
