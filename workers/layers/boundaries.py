"""Boundaries: the ordered lines between layers, and what is measured along them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, median_filter, percentile_filter
from scipy.signal import find_peaks

Floats = npt.NDArray[np.float64]

_MEDIAN_COLUMNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """First row of each layer at every column: 0 <= surface <= corneum_bottom <= junction.

    A boundary equal to ``rows`` lies below the picture, ``surface`` 0 above it: neither is seen.
    """

    rows: int
    surface: Floats
    corneum_bottom: Floats
    junction: Floats

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Columns (columns,) where surface and junction both lie inside the picture."""
        return np.asarray((self.surface > 0) & (self.junction < self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Protrusion:
    """A bud of epidermis into the dermis; all in the unit of the scale it was measured with."""

    column: float
    depth: float
    width: float


def ordered_boundaries(probability: npt.NDArray[np.float32]) -> Boundaries:
    """Return the most probable ordered boundaries; ``probability`` is (4, rows, columns).

    Exact for each column (the best of all orderings, by dynamic programming over cumulative log
    probabilities), then a running median over 5 columns, which keeps the order.
    """
    rows = probability.shape[1]
    logs = np.log(np.maximum(probability.astype(np.float64), 1e-6))
    # gain[k, z]: what is won by everything above row z being layer k and not layer k + 1.
    gain = np.zeros((3, rows + 1, probability.shape[2]))
    gain[:, 1:] = np.cumsum(logs[:3] - logs[1:], axis=1)
    # The best ordering whose newest boundary is at z: the older ones lie at or above z.
    corneum_best = np.maximum.accumulate(gain[0], axis=0) + gain[1]
    junction_best = np.maximum.accumulate(corneum_best, axis=0) + gain[2]
    junction = junction_best.argmax(axis=0)
    corneum_bottom = _best_until(corneum_best, junction)
    surface = _best_until(gain[0], corneum_bottom)
    lines = (
        median_filter(line.astype(np.float64), size=_MEDIAN_COLUMNS, mode="nearest")
        for line in (surface, corneum_bottom, junction)
    )
    return Boundaries(
        rows=rows,
        surface=next(lines),
        corneum_bottom=next(lines),
        junction=next(lines),
    )


def layer_masks(found: Boundaries) -> dict[int, npt.NDArray[np.bool_]]:
    """Return segment number → bool (rows, columns) for corneum, epidermis and dermis."""
    row = np.arange(found.rows)[:, None]
    surface, corneum_bottom, junction = (
        row >= line for line in (found.surface, found.corneum_bottom, found.junction)
    )
    return {1: surface & ~corneum_bottom, 2: corneum_bottom & ~junction, 3: junction}


def normal_thickness(upper: Floats, lower: Floats, smoothing: float = 50.0) -> Floats:
    """Return the distance from each point of ``upper`` to ``lower`` along the local normal.

    Both lines are depths at unit steps of width, so one unit (um) on both axes. The normal is
    that of ``upper`` smoothed by ``smoothing``. NaN where the normal leaves the picture sideways
    before it meets ``lower``.
    """
    slope = np.gradient(gaussian_filter1d(upper, smoothing, mode="nearest"))
    length = np.hypot(slope, 1.0)
    columns = np.arange(len(upper), dtype=np.float64)
    reach = np.arange(0.0, 1.5 * max(float((lower - upper).max()), 1.0) + 2.0, 0.5)[:, None]
    across = columns - reach * slope / length
    down = upper + reach / length
    below = (down - np.interp(across, columns, lower)) >= 0
    crossing = below.argmax(axis=0)
    inside = (across >= 0) & (across <= columns[-1])
    met = below.any(axis=0) & np.take_along_axis(inside, crossing[None], axis=0)[0]
    # Between the last point above and the first below, the crossing is found by proportion.
    before = np.maximum(crossing - 1, 0)
    gap = down - np.interp(across, columns, lower)
    above_gap, below_gap = (
        np.take_along_axis(gap, one[None], axis=0)[0] for one in (before, crossing)
    )
    step = np.where(crossing > 0, below_gap - above_gap, 1.0)
    share = np.where(crossing > 0, -above_gap / np.maximum(step, 1e-9), 0.0)
    return np.asarray(np.where(met, (before + share) * 0.5, np.nan), dtype=np.float64)


def undulation(junction: Floats, smoothing: float = 3.0) -> float:
    """Return how much longer the junction is than its second-order fit: 1 is smooth.

    ``junction`` is a depth at unit steps of width; ``smoothing`` (um) keeps pixel steps from
    counting as relief.
    """
    column = np.linspace(-1, 1, len(junction))
    smooth = gaussian_filter1d(junction, smoothing, mode="nearest")
    flat = np.polynomial.Polynomial.fit(column, junction, 2)(column)
    return float(_arc(smooth) / _arc(flat))


def protrusions(junction: Floats) -> tuple[Protrusion, ...]:
    """Return the buds of a junction given as depth in um at steps of 1 um.

    A bud is at least 20 um deep below the shallow baseline (20th percentile over 300 um), at
    least 15 um prominent and 10 to 120 um wide at half its prominence.
    """
    baseline = percentile_filter(junction, 20, size=min(300, len(junction)), mode="nearest")
    depth = gaussian_filter1d(junction, 3.0, mode="nearest") - baseline
    peaks, found = find_peaks(depth, height=20, prominence=15, width=(10, 120), rel_height=0.5)
    return tuple(
        Protrusion(column=float(column), depth=float(height), width=float(width))
        for column, height, width in zip(peaks, found["peak_heights"], found["widths"], strict=True)
    )


def per_micrometre(line: Floats, row_um: float, column_um: float) -> Floats:
    """Return ``line`` (row at each column) as depth in um at every um of width."""
    centres = np.arange(len(line)) * column_um
    return np.interp(np.arange(0.0, centres[-1] + 1e-6, 1.0), centres, line * row_um)


def _best_until(score: Floats, limit: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    rows = np.arange(score.shape[0])[:, None]
    return np.asarray(np.where(rows <= limit, score, -np.inf).argmax(axis=0), dtype=np.intp)


def _arc(line: Floats) -> float:
    return float(np.hypot(np.diff(line), 1.0).sum())
