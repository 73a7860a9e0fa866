"""Evaluation: prediction and baselines on phantom subjects that were not trained on.

Run ``python -m workers.perfusion.evaluate``.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
import torch

from workers.findings import Mask
from workers.learning.training import default_device
from workers.perfusion.contrast import flow
from workers.perfusion.model import Perfusion, load
from workers.perfusion.phantom import KeloidPhantom, keloid
from workers.perfusion.postprocess import region_of
from workers.perfusion.speckle import raw_frames

TEST_SUBJECTS = range(1_000_000, 1_000_100)
"""Training counts subjects from 0, so these are never seen there."""

BARE_SUBJECTS = range(1_001_000, 1_001_050)
"""Photographed without a keloid, to count false alarms."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures over the test subjects; perfusion in the phantoms' arbitrary units.

    ``mae`` and ``pixel_r`` are in the true keloid, averaged over photos; ``region_r`` correlates
    the mean in the keloid, ``ratio_r`` the ratio keloid to surroundings, over photos. The colour
    baseline is a linear regression of log perfusion on log(R/G) and brightness, fitted on
    training phantoms; the constant baseline their mean. The mask baseline is the best single
    threshold on log(R/G), chosen on the test photos themselves. ``false_alarms`` is the share of
    photos without a keloid in which one is found, ``found`` the share of those with one. ``lsci_r``
    is how well the flow index of simulated raw frames follows true log perfusion, over the whole
    image.
    """

    mae: float
    colour_mae: float
    constant_mae: float
    pixel_r: float
    colour_pixel_r: float
    region_r: float
    colour_region_r: float
    ratio_r: float
    dice_keloid: float
    baseline_dice_keloid: float
    found: float
    false_alarms: float
    lsci_r: float
    photos: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRegression:
    """The "traditional model": log perfusion as a linear function of two colour indices."""

    coefficients: npt.NDArray[np.float64]
    mean: float

    def perfusion(self, photo: npt.NDArray[np.uint8]) -> Any:
        """Return the perfusion of each pixel of ``photo``."""
        return np.exp(_indices(photo) @ self.coefficients)


def fit_colour(subjects: range) -> ColourRegression:
    """Fit the colour regression on the phantoms of ``subjects``, keloid pixels only."""
    indices, logs = [], []
    for one in (keloid(subject, with_keloid=True) for subject in subjects):
        indices.append(_indices(one.photo)[one.keloid][::7])
        logs.append(np.log(one.perfusion[one.keloid])[::7])
    target = np.concatenate(logs)
    coefficients, *_ = np.linalg.lstsq(np.concatenate(indices), target, rcond=None)
    return ColourRegression(coefficients=coefficients, mean=float(np.exp(target).mean()))


def evaluate(model: Perfusion, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Return the figures of ``model`` on the phantoms of ``subjects``."""
    phantoms = [keloid(subject) for subject in subjects]
    made = [model.predict_photo(one.photo) for one in phantoms]
    colour = fit_colour(range(60))
    pairs = [
        (one, ours.perfusion, colour.perfusion(one.photo))
        for one, ours in zip(phantoms, made, strict=True)
        if one.keloid.any()
    ]
    bare = [keloid(subject, with_keloid=False) for subject in BARE_SUBJECTS]
    regions = np.array(
        [
            [mean_in(values, one) for values in (one.perfusion, ours, baseline)]
            for one, ours, baseline in pairs
        ]
    )
    ratios = np.array(
        [
            [region_of(values, one.keloid).ratio for values in (one.perfusion, ours)]
            for one, ours, _ in pairs
        ]
    )
    truth = np.stack([one.keloid for one in phantoms])
    return Metrics(
        mae=_average(error_in(ours, one) for one, ours, _ in pairs),
        colour_mae=_average(error_in(baseline, one) for one, _, baseline in pairs),
        constant_mae=_average(error_in(colour.mean, one) for one, _, _ in pairs),
        pixel_r=_average(correlation_in(ours, one) for one, ours, _ in pairs),
        colour_pixel_r=_average(correlation_in(baseline, one) for one, _, baseline in pairs),
        region_r=float(np.corrcoef(regions[:, 0], regions[:, 1])[0, 1]),
        colour_region_r=float(np.corrcoef(regions[:, 0], regions[:, 2])[0, 1]),
        ratio_r=float(np.corrcoef(ratios[:, 0], ratios[:, 1])[0, 1]),
        dice_keloid=dice(np.stack([one.keloid for one in made]), truth),
        baseline_dice_keloid=threshold_dice(phantoms),
        found=_average(
            float(ours.keloid.any())
            for one, ours in zip(phantoms, made, strict=True)
            if one.keloid.any()
        ),
        false_alarms=_average(float(model.predict_photo(one.photo).keloid.any()) for one in bare),
        lsci_r=_average(_lsci_r(seed, one) for seed, one in enumerate(phantoms[:10])),
        photos=float(len(phantoms)),
    )


def error_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return the mean absolute error in the true keloid."""
    return float(np.abs(perfusion - one.perfusion)[one.keloid].mean())


def correlation_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return Pearson's r of the logarithms in the true keloid."""
    both = np.log(perfusion[one.keloid]), np.log(one.perfusion[one.keloid])
    return float(np.corrcoef(*both)[0, 1])


def mean_in(perfusion: Any, one: KeloidPhantom) -> float:
    """Return the mean in the true keloid."""
    return float(perfusion[one.keloid].mean())


def threshold_dice(phantoms: list[KeloidPhantom]) -> float:
    """Return the pooled Dice of the best single threshold on log(R/G)."""
    redness = np.stack([_indices(one.photo)[..., 1] for one in phantoms])
    truth = np.stack([one.keloid for one in phantoms])
    cuts = np.quantile(redness[:, ::4, ::4], np.linspace(0.3, 0.99, 50))
    return max(dice(redness > cut, truth) for cut in cuts)


def dice(found: Mask, truth: Mask) -> float:
    """Return 2|A∩B| / (|A|+|B|); 1 when both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def _indices(photo: npt.NDArray[np.uint8]) -> Any:
    """Return 1, log(R/G) and log brightness of each pixel."""
    colour = photo.astype(np.float32) + 8
    redness = np.log(colour[..., 0] / colour[..., 1])
    brightness = np.log(colour.mean(axis=-1))
    return np.stack([np.ones_like(redness), redness, brightness], axis=-1)


def _lsci_r(seed: int, one: KeloidPhantom) -> float:
    index = flow(raw_frames(seed, one.perfusion)).index
    return float(np.corrcoef(np.log(index).ravel(), np.log(one.perfusion).ravel())[0, 1])


def _average(values: Any) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0


def main() -> None:
    """Print the figures of the weights in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    log.info("evaluated", **asdict(evaluate(load(given.weights, default_device()))))


if __name__ == "__main__":
    main()
