"""Draw: the plots of a page as one SVG; the same figures, the same file. Needs ``evaluation``."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workers.learning.agreement import bland_altman
from workers.learning.bootstrap import correlation
from workers.learning.plots import Agreement, Classification, ConfusionMatrix, Curve, Plot

_OURS, _RIVAL, _LIMIT = "#1f5fa8", "#b4571a", "#5a5a5a"
_STYLES = ("-", "--", ":")
_COLUMNS = 4
_SIDE = 2.6
_BINS = 8

Drawing = Callable[[Axes], None]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def draw(path: Path, plots: Sequence[Plot]) -> None:
    """Write ``plots`` as one SVG, four panels a row."""
    drawings = [drawing for one in plots for drawing in _drawings(one)]
    rows = -(-len(drawings) // _COLUMNS)
    # Ids in an SVG are drawn by chance otherwise, and its text would be outlines.
    with mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.size": 7}):
        figure = Figure((_COLUMNS * _SIDE, rows * _SIDE), layout="constrained")
        for place, drawing in enumerate(drawings, start=1):
            drawing(figure.add_subplot(rows, _COLUMNS, place))
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def roc(probability: Floats, truth: Flags) -> tuple[Floats, Floats]:
    """Return 1 - specificity and sensitivity at every threshold, from 0, 0 to 1, 1."""
    cuts = np.append(np.inf, np.unique(probability)[::-1])
    positive = probability[None] >= cuts[:, None]
    return positive[:, ~truth].mean(axis=1), positive[:, truth].mean(axis=1)


def calibration(probability: Floats, truth: Flags) -> tuple[Floats, Floats, Floats]:
    """Return mean prediction, observed frequency and its 95 % interval, in eighths of the cases.

    The last is (2, bins), Wilson's score interval (J Am Stat Assoc 1927;22:209).
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if part.size]
    count = np.array([part.size for part in parts])
    share = np.array([truth[part].mean() for part in parts])
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    predicted = np.array([probability[part].mean() for part in parts])
    return predicted, share, np.stack([middle - reach, middle + reach])


def _drawings(plot: Plot) -> Iterator[Drawing]:
    match plot:
        case Agreement():
            yield lambda axes: _scatter(axes, plot)
            yield lambda axes: _bland_altman(axes, plot)
        case Curve():
            yield lambda axes: _curve(axes, plot)
        case Classification():
            yield lambda axes: _roc(axes, plot)
            yield lambda axes: _calibration(axes, plot)
        case ConfusionMatrix():
            yield lambda axes: _confusion(axes, plot)


def _scatter(axes: Axes, one: Agreement) -> None:
    ends = [min(one.true + one.found, default=0.0), max(one.true + one.found, default=1.0)]
    axes.plot(ends, ends, color=_LIMIT, linewidth=0.8)
    axes.plot(one.true, one.found, ".", color=_OURS, markersize=3)
    axes.set_title(f"{one.title}: r {correlation(one.true, one.found):.3f}")
    axes.set_xlabel(f"true ({one.unit})")
    axes.set_ylabel(f"found ({one.unit})")


def _bland_altman(axes: Axes, one: Agreement) -> None:
    true, found = np.array(one.true), np.array(one.found)
    bias, limits = bland_altman(found, true)
    axes.plot((true + found) / 2, found - true, ".", color=_OURS, markersize=3)
    axes.axhline(bias, color=_OURS, linewidth=0.8)
    for end in (bias - limits, bias + limits):
        axes.axhline(end, color=_LIMIT, linewidth=0.8, linestyle="--")
    axes.set_title(f"bias {bias:.2g}, limits {bias - limits:.3g} to {bias + limits:.3g}")
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
    axes.set_ylim(0, 1)  # one for all, so that panels can be compared
    axes.set_title(one.table.title)
    axes.set_ylabel(one.of)
    axes.legend(frameon=False, loc="lower left")


def _roc(axes: Axes, one: Classification) -> None:
    truth = np.array(one.true)
    axes.plot([0, 1], [0, 1], color=_LIMIT, linewidth=0.8)
    for (arm, probability), style in zip(one.arms.items(), cycle(_STYLES), strict=False):
        wrong, right = roc(np.array(probability), truth)
        area = float(np.trapezoid(right, wrong))
        axes.plot(wrong, right, style, label=f"{arm}, AUC {area:.3f}", linewidth=1.2)
    axes.set_title(f"{one.title}: ROC")
    axes.set_xlabel("1 - specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(frameon=False, loc="lower right")


def _calibration(axes: Axes, one: Classification) -> None:
    truth = np.array(one.true)
    axes.plot([0, 1], [0, 1], color=_LIMIT, linewidth=0.8)
    for (arm, probability), style in zip(one.arms.items(), cycle(_STYLES), strict=False):
        predicted, share, interval = calibration(np.array(probability), truth)
        apart = np.abs(interval - share)
        axes.errorbar(predicted, share, apart, fmt=".", linestyle=style, elinewidth=0.5, label=arm)
    axes.set_title("calibration, with 95 % intervals")
    axes.set_xlabel("predicted probability, eighths of the cases")
    axes.set_ylabel("observed frequency")
    axes.legend(frameon=False)


def _confusion(axes: Axes, one: ConfusionMatrix) -> None:
    counts = np.zeros((one.grades, one.grades), np.int64)
    np.add.at(counts, (np.array(one.expert), np.array(one.found)), 1)
    axes.imshow(counts, cmap="Blues", vmax=counts.max() * 1.4)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center", gid=f"cell-{row}-{column}")
    axes.set_xticks(range(one.grades))
    axes.set_yticks(range(one.grades))
    axes.set_title(one.title)
    axes.set_xlabel("found")
    axes.set_ylabel("expert")
