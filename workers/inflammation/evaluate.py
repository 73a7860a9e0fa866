"""Evaluate: how well unseen simulated fields are graded.

``python -m workers.inflammation.evaluate``
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from workers.catalog import model_folder
from workers.contract import PixelSpacing
from workers.inflammation.model import Inflammation, load
from workers.inflammation.network import GRADES
from workers.inflammation.phantom import Field, field
from workers.inflammation.postprocess import grade_of
from workers.inflammation.preprocess import TRAINED_MICROMETRES
from workers.inflammation.spec import SPEC
from workers.learning.training import default_device

log = structlog.get_logger()

TEST_SUBJECTS = range(100_000, 100_060)
"""Far from the training subjects: no seed is shared."""

BASELINE_SCORE = 2.0
"""The trivial answer: the middle of the scale, whatever the image shows."""

_SIDE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Over the test fields. Scores run from 0 to 4; the truth is the simulated latent score.

    ``mae``, ``bias`` and ``correlation`` compare the mean score of each field with its truth;
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


def evaluate(model: Inflammation, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Grade one field for each subject, at pixel sizes spread over those of the training."""
    cases = [
        (one, model.read_frame(one.pixels, spacing_of(one)))
        for one in (unseen_field(subject) for subject in subjects)
    ]
    true = np.array([one.score.mean() for one, _ in cases])
    found = np.array([scores.mean() for _, scores in cases])
    true_grade = np.array([grade_of(one) for one in true])
    found_grade = np.array([grade_of(one) for one in found])
    true_map = np.concatenate([one.score[::8, ::8].ravel() for one, _ in cases])
    found_map = np.concatenate([scores[::8, ::8].ravel() for _, scores in cases])
    mae = float(np.abs(found - true).mean())
    return Metrics(
        subjects=float(len(cases)),
        mae=mae,
        mae_share=mae / (GRADES - 1),
        mae_baseline=float(np.abs(BASELINE_SCORE - true).mean()),
        bias=float((found - true).mean()),
        correlation=float(np.corrcoef(found, true)[0, 1]),
        accuracy=float((found_grade == true_grade).mean()),
        accuracy_within_one=float((np.abs(found_grade - true_grade) <= 1).mean()),
        kappa=_quadratic_kappa(found_grade, true_grade),
        map_mae=float(np.abs(found_map - true_map).mean()),
        map_correlation=float(np.corrcoef(found_map, true_map)[0, 1]),
    )


def unseen_field(subject: int) -> Field:
    """Return the field of ``subject``, 400 x 400 pixels of 0.4, 0.5, 0.6, 0.7 or 0.8 um."""
    low, high = TRAINED_MICROMETRES
    size = low + (high - low) * (subject % 5) / 4
    return field(subject, rows=_SIDE, columns=_SIDE, micrometres_per_pixel=size)


def spacing_of(one: Field) -> PixelSpacing:
    """Return the true pixel size of a simulated field."""
    millimetres = one.micrometres_per_pixel / 1000
    return PixelSpacing(row_mm=millimetres, column_mm=millimetres, source="calibrated")


def _quadratic_kappa(found: npt.NDArray[np.int_], true: npt.NDArray[np.int_]) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968); 1 when both are constant and equal."""
    observed = float(((found - true) ** 2).mean())
    expected = float(((found[:, None] - true[None]) ** 2).mean())
    return 1.0 if expected == 0 else 1 - observed / expected


def main() -> None:
    """Evaluate the weights in a folder and log the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", type=Path, default=model_folder(SPEC.name) / "weights")
    asked = parser.parse_args()
    log.info("evaluated", **asdict(evaluate(load(asked.weights, default_device()))))


if __name__ == "__main__":
    main()
