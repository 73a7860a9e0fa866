"""Contrast: relative flow from raw laser speckle frames.

Spatial speckle contrast in 7x7 windows, averaged over the frames; flow index 1/K² (Boas & Dunn,
J Biomed Opt 2010;15:011109). Arbitrary units: without a motility standard and a static target
neither flow nor β is known, and noise of the sensor, static scattering and β stay in the number.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.findings import Map

WINDOW = 7
_SMALLEST_CONTRAST = 0.02
_STATIC = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Speckle contrast K and flow index 1/K², both (rows, columns) float32."""

    contrast: Map
    index: Map


def flow(frames: npt.NDArray[Any]) -> Flow:
    """Return contrast and flow index of raw ``frames`` (frames, rows, columns), at least two.

    A window no larger than a few speckles sees too little of the variance; the share it misses is
    measured in the frames themselves (:func:`missed_variance`) and given back.
    """
    means, variances = [], []
    for frame in frames:
        mean, variance = _window_statistics(frame.astype(np.float32))
        means.append(mean)
        variances.append(variance)
    mean = np.maximum(np.mean(means, axis=0), 1e-6)
    squared = np.mean(variances, axis=0) / mean**2 / (1 - missed_variance(frames))
    contrast = np.maximum(np.sqrt(squared), _SMALLEST_CONTRAST).astype(np.float32)
    return Flow(contrast=contrast, index=np.asarray(1 / contrast**2, np.float32))


def temporal_contrast(frames: npt.NDArray[Any]) -> Map:
    """Return standard deviation over mean of each pixel in time, (rows, columns) float32."""
    raw = frames.astype(np.float32)
    return np.asarray(raw.std(axis=0, ddof=1) / np.maximum(raw.mean(axis=0), 1e-6), np.float32)


def is_static(frames: npt.NDArray[Any]) -> bool:
    """Whether the frames hardly differ: then they are no raw speckle sequence."""
    return float(np.median(temporal_contrast(frames))) < _STATIC


def missed_variance(frames: npt.NDArray[Any]) -> float:
    """Return the share of speckle variance (0-1) that a window loses to its own mean.

    Law of total variance: what a window loses is the variance of its mean. Dividing by the mean
    over time first removes the picture itself, so that only speckle is left. For independent pixels
    this gives the familiar 1/49.
    """
    raw = frames.astype(np.float32)
    steady = np.maximum(raw.mean(axis=0), 1e-6)
    whole = within = 0.0
    for frame in raw:
        flicker = frame / steady - 1
        whole += float(flicker.var())
        within += float(_box(flicker).var())
    return min(within / whole, 0.9) if whole > 0 else 1 / WINDOW**2


def _window_statistics(frame: Map) -> tuple[Map, Map]:
    """Mean and biased variance in each window; centred first, float32 would lose digits else."""
    centre = np.float32(frame.mean())
    centred = frame - centre
    mean = _box(centred)
    variance = np.maximum(_box(centred * centred) - mean * mean, 0)
    return mean + centre, variance


def _box(values: Map) -> Map:
    box = cv2.boxFilter(values, -1, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT)
    return np.asarray(box, np.float32)
