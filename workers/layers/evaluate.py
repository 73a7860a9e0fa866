"""Evaluate: how well unseen simulated sections are read. The tables are in ``report.py``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from workers.contract import PixelSpacing
from workers.layers.boundaries import Boundaries, layer_masks
from workers.layers.model import FrameFound, Layers
from workers.layers.phantom import Kind, Section, section
from workers.layers.postprocess import FrameMeasures, measure_frame
from workers.learning.agreement import dice

TEST_SUBJECTS = range(100_000, 100_024)
"""Far from the training subjects: no seed is shared."""

_PIXEL_SIZES = (1.0, 1.5, 2.0)

_SAME_BUD_UM = 20.0
"""Deepest points this far apart are of one protrusion: half of a bud's usual width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Means over the test subjects; ``baseline`` is :func:`flat_layers`, which learns nothing.

    Dice per layer and their mean (the gel never counts); boundary errors, thickness errors and
    depths in um; ``entropy_auroc`` is the chance that a disrupted column of a section has more
    junction entropy than an intact column (NaN sections left out).
    """

    subjects: float
    dice: float
    dice_corneum: float
    dice_epidermis: float
    dice_dermis: float
    dice_baseline: float
    surface_error_um: float
    corneum_error_um: float
    junction_error_um: float
    corneum_thickness_error_um: float
    epidermis_thickness_error_um: float
    undulation_error: float
    protrusion_count_error: float
    entropy_auroc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What was measured on the section of one subject; NaN where it could not be.

    ``dice`` and ``baseline`` are of corneum, epidermis, dermis; ``errors`` the mean distances (um)
    of surface, corneum and junction; ``measures`` and ``true`` are mean thickness of corneum and
    epidermis (um), undulation and number of protrusions; ``protrusions`` the number that were
    found and are true, found, true, and true by chance: with those found mirrored, left to right.
    """

    kind: Kind
    dice: tuple[float, float, float]
    baseline: tuple[float, float, float]
    ceiling: tuple[float, float, float]
    errors: tuple[float, float, float]
    measures: tuple[float, float, float, float]
    true: tuple[float, float, float, float]
    protrusions: tuple[int, int, int, int]
    auroc: float


def evaluate(model: Layers, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Read one section for each subject, at three pixel sizes in turn."""
    return metrics_of(read(model, subjects))


def read(model: Layers, subjects: range) -> list[Case]:
    """Return one case for each subject."""
    return [_case(model, unseen_section(subject)) for subject in subjects]


def metrics_of(cases: Sequence[Case]) -> Metrics:
    """Return the means over ``cases``."""
    dice = np.array([one.dice for one in cases])
    errors = np.array([one.errors for one in cases])
    apart = np.abs(np.array([one.measures for one in cases]) - [one.true for one in cases])
    auroc = np.array([one.auroc for one in cases])
    return Metrics(
        subjects=float(len(cases)),
        dice=float(dice.mean()),
        dice_corneum=float(dice[:, 0].mean()),
        dice_epidermis=float(dice[:, 1].mean()),
        dice_dermis=float(dice[:, 2].mean()),
        dice_baseline=float(np.mean([one.baseline for one in cases])),
        surface_error_um=float(errors[:, 0].mean()),
        corneum_error_um=float(errors[:, 1].mean()),
        junction_error_um=float(errors[:, 2].mean()),
        corneum_thickness_error_um=_mean_known(apart[:, 0]),
        epidermis_thickness_error_um=_mean_known(apart[:, 1]),
        undulation_error=_mean_known(apart[:, 2]),
        protrusion_count_error=_mean_known(apart[:, 3]),
        entropy_auroc=_mean_known(auroc),
    )


def unseen_section(subject: int) -> Section:
    """Return the section of ``subject``: 500 um deep, 1200 um wide, pixels of 1, 1.5 or 2 um."""
    size = _PIXEL_SIZES[subject % len(_PIXEL_SIZES)]
    return section(
        subject, rows=round(500 / size), columns=round(1200 / size), micrometres_per_pixel=size
    )


def spacing_of(one: Section) -> PixelSpacing:
    """Return the true pixel size of a simulated section."""
    millimetres = one.micrometres_per_pixel / 1000
    return PixelSpacing(row_mm=millimetres, column_mm=millimetres, source="calibrated")


def layer_dice(found: Boundaries, truth: Section) -> tuple[float, float, float]:
    """Return the Dice of corneum, epidermis and dermis; 1 where both are empty."""
    corneum, epidermis, dermis = (
        dice(mask, truth.labels == number) for number, mask in layer_masks(found).items()
    )
    return corneum, epidermis, dermis


def flat_layers(pixels: npt.NDArray[Any]) -> Boundaries:
    """Return the trivial reading: surface at the steepest rise, then layers of usual thickness.

    The surface of each column is the brightest step over 8 rows of the row-smoothed picture; the
    corneum then takes 4 % and the epidermis 14 % of the rows, their means in the simulation.
    """
    rows, columns = pixels.shape
    smooth = pixels.astype(np.float64).mean(axis=1)
    rise = smooth[8:] - smooth[:-8]
    surface = np.full(columns, float(rise.argmax() + 4))
    return Boundaries(
        rows=rows,
        surface=surface,
        corneum_bottom=surface + 0.04 * rows,
        junction=surface + 0.18 * rows,
    )


def true_boundaries(truth: Section) -> Boundaries:
    """Return the true boundaries on whole rows, as a mask would show them."""
    return Boundaries(
        rows=len(truth.labels),
        surface=np.ceil(truth.surface),
        corneum_bottom=np.ceil(truth.corneum_bottom),
        junction=np.ceil(truth.junction),
    )


def _boundary_errors(found: Boundaries, truth: Section) -> tuple[float, float, float]:
    """Mean distance in um; the first row of a layer lies half a row below its boundary."""
    surface, corneum, junction = (
        float(np.abs(line - 0.5 - true).mean() * truth.micrometres_per_pixel)
        for line, true in (
            (found.surface, truth.surface),
            (found.corneum_bottom, truth.corneum_bottom),
            (found.junction, truth.junction),
        )
    )
    return surface, corneum, junction


def true_positives(found: Sequence[float], true: Sequence[float], within: float) -> int:
    """Return how many of ``found`` lie within a distance of ``true`` ones, one to one."""
    if not found or not true:
        return 0
    apart = np.abs(np.subtract.outer(np.array(found), np.array(true)))
    far = np.where(apart <= within, apart, 1e6)  # any number of near pairs before one far one
    return int((far[linear_sum_assignment(far)] <= within).sum())


def _case(model: Layers, one: Section) -> Case:
    found = model.read_frame(one.pixels, spacing_of(one))
    spacing, truth = spacing_of(one), true_boundaries(one)
    # The truth is measured by the same definitions, on the true boundaries.
    ours, theirs = (
        measure_frame(boundaries, found.entropy, spacing)
        for boundaries in (found.boundaries, truth)
    )
    buds, true_buds = (
        [bud.column for bud in measured.protrusions] if measured else []
        for measured in (ours, theirs)
    )
    width = one.pixels.shape[1] * one.micrometres_per_pixel
    return Case(
        kind=one.kind,
        dice=layer_dice(found.boundaries, one),
        baseline=layer_dice(flat_layers(one.pixels), one),
        ceiling=layer_dice(truth, one),
        errors=_boundary_errors(found.boundaries, one),
        measures=_numbers(ours),
        true=_numbers(theirs),
        protrusions=(
            true_positives(buds, true_buds, _SAME_BUD_UM),
            len(buds),
            len(true_buds),
            true_positives([width - bud for bud in buds], true_buds, _SAME_BUD_UM),
        ),
        auroc=_entropy_auroc(found, one) if one.disrupted.any() else np.nan,
    )


def _numbers(measured: FrameMeasures | None) -> tuple[float, float, float, float]:
    if measured is None:
        return np.nan, np.nan, np.nan, np.nan
    return (
        float(measured.corneum_thickness.mean()),
        float(measured.epidermis_thickness.mean()),
        measured.undulation,
        float(len(measured.protrusions)),
    )


def _entropy_auroc(found: FrameFound, truth: Section) -> float:
    """Area under the ROC of junction-band entropy, disrupted columns against intact ones."""
    row = np.arange(found.entropy.shape[0])[:, None]
    band = np.abs(row - found.boundaries.junction) <= 25 / truth.micrometres_per_pixel
    score = (found.entropy * band).sum(axis=0) / np.maximum(band.sum(axis=0), 1)
    disrupted, intact = score[truth.disrupted], score[~truth.disrupted]
    return float((disrupted[:, None] > intact).mean())


def _mean_known(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
