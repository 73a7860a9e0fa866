"""Blood: how much more of it the photo shows than in the skin around, and perfusion from that.

A correction of the generator's map by three numbers, fitted by least squares: log perfusion is
linear in the generator's answer and in the blood index. The index inverts the optics of
``workers.learning.skin_optics``, which the phantoms are drawn with: on them it is as good as can
be; on real skin it is only as good as those optics.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.findings import Map, Mask
from workers.learning.skin_optics import SKIN_BLOOD, blood_added

Coefficients = npt.NDArray[np.float64]
"""(3,): constant, weight of the generator's log perfusion, weight of the blood index."""

UNCORRECTED: Coefficients = np.array([0.0, 1.0, 0.0])

_GRAIN = 1.5
"""Pixels over which colour is averaged: noise and JPEG blocks are finer than flow."""

_LEAST = 0.2
"""Share of the blood around that is the least believed: below, it is glare or dirt."""


def blood_index(photo: npt.NDArray[np.uint8], around: Mask) -> Map:
    """Return log of blood relative to that in ``around``; 0 is as much.

    ``photo`` is (rows, columns, 3) uint8, gamma 2.2. White balance and exposure cancel.
    """
    smooth = cv2.GaussianBlur(photo.astype(np.float32), (0, 0), _GRAIN)
    log_linear = 2.2 * np.log((smooth + 2) / 255)
    red_green = log_linear[..., 0] - log_linear[..., 1]
    green_blue = log_linear[..., 1] - log_linear[..., 2]
    added = blood_added(_above(red_green, around), _above(green_blue, around))
    return np.asarray(np.log(np.maximum(1 + added / SKIN_BLOOD, _LEAST)), np.float32)


def skin_around(keloid: Mask) -> Mask:
    """Return the pixels well outside ``keloid``; all where there are too few."""
    near = cv2.dilate(keloid.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return np.asarray(~near if (~near).mean() > 0.02 else np.ones_like(near), np.bool_)


def corrected(log_perfusion: Map, index: Map, coefficients: Coefficients) -> Map:
    """Return log perfusion (relative to the reference) after correction."""
    constant, of_network, of_index = (float(one) for one in coefficients)
    return np.asarray(constant + of_network * log_perfusion + of_index * index, np.float32)


def fit_correction(
    keloids: Iterable[
        tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
    ],
) -> Coefficients:
    """Return the coefficients that fit best.

    Each keloid is a triple of the same length: the generator's log perfusion, the blood index and
    the true log perfusion of its pixels. Every keloid counts by the root of its size.
    """
    rows, targets = [], []
    for generated, index, true in keloids:
        weight = len(true) ** -0.25
        rows.append(weight * np.stack([np.ones_like(index), generated, index], axis=1))
        targets.append(weight * true)
    coefficients, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(targets), rcond=None)
    return np.asarray(coefficients, np.float64)


def _above(ratio: npt.NDArray[Any], around: Mask) -> Map:
    return np.asarray(ratio - np.median(ratio[around]), np.float32)
