"""Evaluate: how well unseen simulated fields are graded. The tables are in ``report.py``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workers.contract import PixelSpacing
from workers.inflammation.model import Inflammation
from workers.inflammation.network import GRADES
from workers.inflammation.phantom import DRAWN_MICROMETRES, Field, field
from workers.inflammation.postprocess import grade_of
from workers.learning.bootstrap import correlation

TEST_SUBJECTS = range(100_000, 100_060)
"""Far from the training subjects: no seed is shared."""

BASELINE_SCORE = 2.0
"""The trivial answer: the middle of the scale, whatever the image shows."""

_SIDE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Over the test fields. Scores run from 0 to 4; the truth is the simulated latent score.

    ``mae``, ``bias`` and ``correlation`` compare the score of each field with its true mean;
    ``mae_share`` is ``mae`` / 4; ``accuracy`` and ``accuracy_within_one`` compare whole grades;
    ``kappa`` is quadratic-weighted. ``map_mae`` and ``map_correlation`` compare every pixel.
    """

    subjects: float
    mae: float
    mae_share: float
    mae_baseline: float
    bias: float
    correlation: float
    accuracy: float
    accuracy_within_one: float
    kappa: float
    map_mae: float
    map_correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The field of one subject: mean score, and scores at every eighth pixel; true and found."""

    field: Field
    true: float
    found: float
    true_map: npt.NDArray[np.float32]
    found_map: npt.NDArray[np.float32]


def evaluate(model: Inflammation, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Grade one field for each subject, at pixel sizes spread over those of the training."""
    return metrics_of(read(model, subjects))


def read(model: Inflammation, subjects: range) -> list[Case]:
    """Return one case for each subject."""
    return [_case(model, unseen_field(subject)) for subject in subjects]


def metrics_of(cases: Sequence[Case]) -> Metrics:
    """Return the figures over ``cases``."""
    true, found = np.array([one.true for one in cases]), np.array([one.found for one in cases])
    true_grade = np.array([grade_of(one) for one in true])
    found_grade = np.array([grade_of(one) for one in found])
    true_map = np.concatenate([one.true_map for one in cases])
    found_map = np.concatenate([one.found_map for one in cases])
    mae = float(np.abs(found - true).mean())
    return Metrics(
        subjects=float(len(cases)),
        mae=mae,
        mae_share=mae / (GRADES - 1),
        mae_baseline=float(np.abs(BASELINE_SCORE - true).mean()),
        bias=float((found - true).mean()),
        correlation=correlation(found, true),
        accuracy=float((found_grade == true_grade).mean()),
        accuracy_within_one=float((np.abs(found_grade - true_grade) <= 1).mean()),
        kappa=quadratic_kappa(found_grade, true_grade),
        map_mae=float(np.abs(found_map - true_map).mean()),
        map_correlation=correlation(found_map, true_map),
    )


def unseen_field(subject: int) -> Field:
    """Return the field of ``subject``, 400 x 400 pixels of 0.4, 0.5, 0.6, 0.7 or 0.8 um."""
    low, high = DRAWN_MICROMETRES
    size = low + (high - low) * (subject % 5) / 4
    return field(subject, rows=_SIDE, columns=_SIDE, micrometres_per_pixel=size)


def spacing_of(one: Field) -> PixelSpacing:
    """Return the true pixel size of a simulated field."""
    millimetres = one.micrometres_per_pixel / 1000
    return PixelSpacing(row_mm=millimetres, column_mm=millimetres, source="calibrated")


def quadratic_kappa(found: npt.NDArray[np.int_], true: npt.NDArray[np.int_]) -> float:
    """Return Cohen's kappa with quadratic weights (1968); 1 when both are constant and equal."""
    observed = float(((found - true) ** 2).mean())
    # The mean over all pairs of (found - true) squared, without writing them all down.
    expected = float((found**2).mean() + (true**2).mean() - 2 * found.mean() * true.mean())
    return 1.0 if expected == 0 else 1 - observed / expected


def _case(model: Inflammation, one: Field) -> Case:
    found = model.read_frame(one.pixels, spacing_of(one))
    return Case(
        field=one,
        true=float(one.score.mean()),
        found=found.whole,
        true_map=one.score[::8, ::8].ravel(),
        found_map=found.scores[::8, ::8].ravel(),
    )
