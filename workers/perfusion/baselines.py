"""Baselines: perfusion and keloid from colour alone, without a network."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.findings import Mask
from workers.learning.agreement import dice
from workers.perfusion.phantom import KeloidPhantom, keloid


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


def threshold_dice(phantoms: list[KeloidPhantom]) -> float:
    """Return the pooled Dice of the best single threshold on log(R/G)."""
    cut = best_cut(phantoms)
    found = np.stack([red_mask(one.photo, cut) for one in phantoms])
    return dice(found, np.stack([one.keloid for one in phantoms]))


def best_cut(phantoms: list[KeloidPhantom]) -> float:
    """Return the threshold on log(R/G) whose pooled Dice on these phantoms is greatest."""
    redness = np.stack([_indices(one.photo)[..., 1] for one in phantoms])
    truth = np.stack([one.keloid for one in phantoms])
    cuts = np.quantile(redness[:, ::4, ::4], np.linspace(0.3, 0.99, 50))
    return float(max(cuts, key=lambda cut: dice(redness > cut, truth)))


def red_mask(photo: npt.NDArray[np.uint8], cut: float) -> Mask:
    """Return where log(R/G) is above ``cut``."""
    return np.asarray(_indices(photo)[..., 1] > cut, np.bool_)


def _indices(photo: npt.NDArray[np.uint8]) -> Any:
    """Return 1, log(R/G) and log brightness of each pixel."""
    colour = photo.astype(np.float32) + 8
    redness = np.log(colour[..., 0] / colour[..., 1])
    brightness = np.log(colour.mean(axis=-1))
    return np.stack([np.ones_like(redness), redness, brightness], axis=-1)
