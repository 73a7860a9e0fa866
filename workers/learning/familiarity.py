"""Familiarity: whether a picture looks at all like those that a model was trained on.

A network answers whatever it is shown. Some twenty plain statistics of the picture (brightness,
contrast at five scales, direction, layering, colours) are compared with those of phantoms: their
Mahalanobis distance from the phantoms' mean (Mahalanobis 1936; as a detector of foreign inputs:
Lee et al., NeurIPS 2018, there over a network's features). The limit is what nearly all of other
phantoms stay under, so the share of false alarms is chosen, not found.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.dicom import codes
from workers.findings import Assessment
from workers.learning.command_line import weights_parser
from workers.learning.grayscale import Pixels
from workers.learning.weights import load_all, load_weights, read_manifest, save_weights

FAMILIARITY_FILE = "familiarity.safetensors"

FITTED_ON = range(3_000_000, 3_000_240)
LIMIT_FROM = range(3_000_240, 3_000_440)
"""Phantom subjects that no training and no test counts up to."""

ALARMS = 0.02
"""Share of the phantoms in ``LIMIT_FROM`` that lie beyond the limit."""

MOST_COMPARED = 8
"""About how many frames of a stack are compared: neighbours are alike."""

_SIGMAS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
_BANDS = 6
_PHOTO_SIDE = 256

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """``mean`` (d,) and inverse covariance ``precision`` (d, d) of statistics, and the limit."""

    mean: Floats
    precision: Floats
    limit: float

    def distance(self, picture: Pixels) -> float:
        """Return the distance of ``picture`` in units of the limit: above 1 it is foreign."""
        apart = statistics(picture) - self.mean
        return math.sqrt(max(float(apart @ self.precision @ apart), 0.0)) / self.limit

    def judge(self, pictures: Iterable[Pixels]) -> Assessment:
        """Say whether the median of ``pictures`` is like the phantoms."""
        distance = float(np.median([self.distance(one) for one in pictures]))
        known = distance <= 1
        note = f"Statistics of the picture are at {distance:.1f} times the limit" + (
            "." if known else ": do not rely on what was found."
        )
        return Assessment(
            question=codes.FAMILIARITY,
            answer=codes.LIKE_TRAINING if known else codes.UNLIKE_TRAINING,
            note=note,
        )

    def state(self) -> dict[str, Tensor]:
        """Return what :func:`load_familiarity` reads back, as tensors."""
        values = {"mean": self.mean, "precision": self.precision, "limit": np.array([self.limit])}
        return {name: torch.from_numpy(value) for name, value in values.items()}


def fit_familiarity(draw: Callable[[int], Pixels]) -> Familiarity:
    """Return the familiarity of the phantoms that ``draw`` makes of a subject's number."""
    seen = np.stack([statistics(draw(subject)) for subject in FITTED_ON])
    # A little of the diagonal: statistics that hardly vary must not decide alone.
    covariance = np.cov(seen.T)
    covariance += 0.01 * np.diag(np.diag(covariance)) + 1e-6 * np.eye(len(covariance))
    unlimited = Familiarity(
        mean=seen.mean(axis=0),
        precision=np.asarray(np.linalg.inv(covariance), np.float64),
        limit=1.0,
    )
    apart = [unlimited.distance(draw(subject)) for subject in LIMIT_FROM]
    return Familiarity(
        mean=unlimited.mean,
        precision=unlimited.precision,
        limit=float(np.quantile(apart, 1 - ALARMS)),
    )


def load_familiarity(weights: Path) -> Familiarity | None:
    """Return the familiarity in folder ``weights``; ``None`` where it was not fitted."""
    if all(one.name != FAMILIARITY_FILE for one in read_manifest(weights).files):
        return None
    state = load_weights(weights, FAMILIARITY_FILE)
    mean, precision, limit = (state[one].numpy() for one in ("mean", "precision", "limit"))
    return Familiarity(mean=mean, precision=precision, limit=float(limit[0]))


def renew(weights: Path, draw: Callable[[int], Pixels]) -> None:
    """Fit anew and write into folder ``weights``, whose networks stay as they are."""
    manifest, tensors = read_manifest(weights), load_all(weights)
    save_weights(
        weights,
        tensors | {FAMILIARITY_FILE: fit_familiarity(draw).state()},
        **manifest.model_dump(exclude={"files"}),
    )


def renew_from_command_line(model: str, draw: Callable[[int], Pixels]) -> None:
    """Be ``python -m workers.MODEL.familiar``: :func:`renew` in the folder of ``--weights``."""
    renew(weights_parser(model).parse_args().weights, draw)


def photo_picture(photo: npt.NDArray[np.uint8]) -> Pixels:
    """Return ``photo`` (rows, columns, 3) in 0-1, 256 pixels square whatever its shape."""
    small = cv2.resize(photo, (_PHOTO_SIDE, _PHOTO_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def statistics(picture: Pixels) -> Floats:
    """Return 17 statistics of ``picture`` (rows, columns) in 0-1; 23 of (rows, columns, 3)."""
    gray = picture if picture.ndim == 2 else picture.mean(axis=2, dtype=np.float32)
    mean, spread = float(gray.mean()), float(gray.std()) + 1e-4
    skew = float(((gray - mean) ** 3).mean()) / spread**3
    blurred = [gray if not one else cv2.GaussianBlur(gray, (0, 0), one) for one in _SIGMAS]
    energies = [_log_spread(fine - coarse) for fine, coarse in pairwise(blurred)]
    slopes = [
        _log_spread(np.diff(one, axis=0)) - _log_spread(np.diff(one, axis=1))
        for one in (blurred[1], blurred[3])
    ]
    bands = [float(one.mean()) - mean for one in np.array_split(gray, _BANDS)]
    local = np.log(cv2.blur((gray - blurred[-1]) ** 2, (33, 33)).clip(0) + 1e-6)
    found = [mean, spread, skew, *energies, *slopes, *bands, float(local.std())]
    return np.array(found if picture.ndim == 2 else [*found, *_colours(picture)], np.float64)


def _colours(picture: Pixels) -> list[float]:
    red, green, blue = (picture[..., one] + 0.03 for one in range(3))
    warm, cold = np.log(red / green), np.log(green / blue)
    # The correlation of the two by hand: a gray picture has none, and no spread to divide by.
    covariance = ((warm - warm.mean()) * (cold - cold.mean())).mean()
    together = covariance / max(float(warm.std() * cold.std()), 1e-6)
    found = [warm.mean(), warm.std(), cold.mean(), cold.std(), together]
    return [*(float(one) for one in found), float((picture.max(axis=2) > 0.99).mean())]


def _log_spread(values: Pixels) -> float:
    return float(np.log(values.std() + 1e-4))
