"""Evaluate: how well unseen simulated sections are read (``python -m workers.layers.evaluate``)."""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from workers.catalog import model_folder
from workers.contract import PixelSpacing
from workers.layers.boundaries import Boundaries, layer_masks
from workers.layers.model import FrameFound, Layers, load
from workers.layers.phantom import Section, section
from workers.layers.postprocess import FrameMeasures, measure_frame
from workers.layers.spec import SPEC
from workers.learning.training import default_device

log = structlog.get_logger()

TEST_SUBJECTS = range(100_000, 100_024)
"""Far from the training subjects: no seed is shared."""

_PIXEL_SIZES = (1.0, 1.5, 2.0)


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


def evaluate(model: Layers, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Read one section for each subject, at three pixel sizes in turn."""
    cases = [
        (one, model.read_frame(one.pixels, spacing_of(one)))
        for one in (unseen_section(subject) for subject in subjects)
    ]
    dice = np.array([layer_dice(found.boundaries, one) for one, found in cases])
    baseline = np.array([layer_dice(flat_layers(one.pixels), one) for one, _ in cases])
    errors = np.array([_boundary_errors(found.boundaries, one) for one, found in cases])
    measures = np.array([_measure_errors(found, one) for one, found in cases])
    auroc = [_entropy_auroc(found, one) for one, found in cases if one.disrupted.any()]
    return Metrics(
        subjects=float(len(cases)),
        dice=float(dice.mean()),
        dice_corneum=float(dice[:, 0].mean()),
        dice_epidermis=float(dice[:, 1].mean()),
        dice_dermis=float(dice[:, 2].mean()),
        dice_baseline=float(baseline.mean()),
        surface_error_um=float(errors[:, 0].mean()),
        corneum_error_um=float(errors[:, 1].mean()),
        junction_error_um=float(errors[:, 2].mean()),
        corneum_thickness_error_um=float(np.nanmean(measures[:, 0])),
        epidermis_thickness_error_um=float(np.nanmean(measures[:, 1])),
        undulation_error=float(np.nanmean(measures[:, 2])),
        protrusion_count_error=float(np.nanmean(measures[:, 3])),
        entropy_auroc=float(np.mean(auroc)) if auroc else 0.5,
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
        _dice(mask, truth.labels == number) for number, mask in layer_masks(found).items()
    )
    return corneum, epidermis, dermis


def flat_layers(pixels: npt.NDArray[np.uint8]) -> Boundaries:
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


def _boundary_errors(found: Boundaries, truth: Section) -> tuple[float, ...]:
    """Mean distance in um; the first row of a layer lies half a row below its boundary."""
    return tuple(
        float(np.abs(line - 0.5 - true).mean() * truth.micrometres_per_pixel)
        for line, true in (
            (found.surface, truth.surface),
            (found.corneum_bottom, truth.corneum_bottom),
            (found.junction, truth.junction),
        )
    )


def _measure_errors(found: FrameFound, truth: Section) -> tuple[float, float, float, float]:
    """Absolute errors of mean thicknesses (um), undulation and protrusion count; NaN if unmeasured.

    The truth is measured by the same definitions, on the true boundaries.
    """
    spacing = spacing_of(truth)
    measured = measure_frame(found.boundaries, found.entropy, spacing)
    true = measure_frame(true_boundaries(truth), found.entropy, spacing)
    if measured is None or true is None:
        return (np.nan,) * 4
    one, other = _numbers(measured), _numbers(true)
    errors = [abs(mine - theirs) for mine, theirs in zip(one, other, strict=True)]
    return errors[0], errors[1], errors[2], errors[3]


def _numbers(measured: FrameMeasures) -> tuple[float, float, float, float]:
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


def _dice(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    total = int(found.sum()) + int(truth.sum())
    return 1.0 if total == 0 else float(2 * (found & truth).sum() / total)


def main() -> None:
    """Evaluate the weights in a folder and log the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", type=Path, default=model_folder(SPEC.name) / "weights")
    asked = parser.parse_args()
    log.info("evaluated", **asdict(evaluate(load(asked.weights, default_device()))))


if __name__ == "__main__":
    main()
