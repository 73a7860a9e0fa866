"""Platt scaling: make a network's probabilities as sure as they are right.

Platt, Advances in Large Margin Classifiers 1999; with one temperature for several classes Guo et
al., ICML 2017 (arXiv:1706.04599). The Dice loss and long training make a network sure of too much.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from torch import nn

Scale = tuple[float, float]
"""Slope and offset: the calibrated logit is slope x logit + offset."""

_SURE = 10.0
"""Logits beyond count as this: a few enormous ones would else decide the scale alone."""


def fit_scale(logits: npt.ArrayLike, truth: npt.ArrayLike) -> Scale:
    """Return the scale of least cross-entropy between ``logits`` and ``truth`` (0 or 1, alike).

    Fit it on subjects that the network was not trained on.
    """
    given = np.clip(np.asarray(logits, np.float64).ravel(), -_SURE, _SURE)
    sign = np.where(np.asarray(truth).ravel() > 0.5, -1.0, 1.0)

    def entropy(parameters: npt.NDArray[np.float64]) -> float:
        log_slope, offset = parameters
        return float(np.logaddexp(0, sign * (np.exp(log_slope) * given + offset)).mean())

    found = minimize(entropy, np.zeros(2), method="L-BFGS-B", bounds=[(-3, 3), (-10, 10)])
    return float(np.exp(found.x[0])), float(found.x[1])


def fit_temperature(logits: npt.ArrayLike, shares: npt.ArrayLike) -> float:
    """Return the temperature to divide ``logits`` (N, classes) by: that of least cross-entropy.

    ``shares`` (N, classes) is what is true of each: 1 for one class, or parts of several. Fit it on
    subjects that the network was not trained on.
    """
    given, true = np.asarray(logits, np.float64), np.asarray(shares, np.float64)

    def entropy(log_temperature: float) -> float:
        return float(-(true * log_softmax(given / np.exp(log_temperature), axis=1)).sum(1).mean())

    return float(np.exp(minimize_scalar(entropy, bounds=(-3, 3), method="bounded").x))


def rescale(head: nn.Module, scales: Sequence[Scale]) -> None:
    """Put one scale for each output into the last layer itself, so that no reader needs to know.

    ``head`` has a weight (outputs, ...) and a bias (outputs,).
    """
    weight, bias = head.get_parameter("weight"), head.get_parameter("bias")
    slopes, offsets = (torch.tensor(one).to(weight) for one in zip(*scales, strict=True))
    with torch.no_grad():
        weight.mul_(slopes.reshape(-1, *[1] * (weight.ndim - 1)))
        bias.mul_(slopes).add_(offsets)


def calibration_error(probability: npt.ArrayLike, truth: npt.ArrayLike, *, bins: int = 10) -> float:
    """Return the expected calibration error: |share - probability|, weighted over equal bins."""
    sure, right = np.asarray(probability, np.float64).ravel(), np.asarray(truth).ravel()
    of = np.minimum((sure * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(of, sure - right, minlength=bins)).sum() / len(right))
