"""Grayscale: what every model of grayscale frames checks and does before its network looks."""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]

MOST_PIXELS = 2**26
"""Most pixels that a frame is enlarged to: the machine's memory is no matter of the sender's."""


def why_unusable(pixels: npt.NDArray[Any], smallest: int) -> str:
    """Return why ``pixels`` (frames, rows, columns) cannot be read, or an empty string.

    ``smallest`` is the least number of rows and of columns.
    """
    if pixels.ndim != 3:
        return "the image is not grayscale"
    if min(pixels.shape[1:]) < smallest:
        return f"the image is smaller than {smallest} pixels"
    if not np.isfinite(pixels).all():
        return "the image holds values that are not numbers"
    if not any(has_contrast(frame) for frame in pixels):
        return "the image has no contrast"
    return ""


def has_contrast(frame: npt.NDArray[Any]) -> bool:
    """Whether ``frame`` (rows, columns) shows anything: its percentiles 0.5 and 99.5 differ."""
    low, high = limits(frame)
    return high > low


def limits(frame: npt.NDArray[Any]) -> tuple[float, float]:
    """Return percentiles 0.5 and 99.5 of ``frame``: its range without hot and dead pixels."""
    low, high = np.percentile(frame, (0.5, 99.5))
    return float(low), float(high)


def shape_at(
    shape: tuple[int, int], micrometres: tuple[float, float], trained: tuple[float, float]
) -> tuple[int, int]:
    """Return the rows and columns at which a network should see a frame of ``shape``.

    Unchanged while its pixels, ``micrometres`` high and wide, are of a size within ``trained``;
    else those of the nearest such size, on each axis by itself. Enlarged to no more than
    ``MOST_PIXELS``, in proportion; a frame that is larger already is not enlarged.
    """
    smallest, largest = trained
    wanted = [
        length * size / min(max(size, smallest), largest)
        for length, size in zip(shape, micrometres, strict=True)
    ]
    most = max(MOST_PIXELS, shape[0] * shape[1])
    shrink = min(1.0, math.sqrt(most / (wanted[0] * wanted[1])))
    rows, columns = (max(1, round(length * shrink)) for length in wanted)
    return rows, columns


def stretched(frame: npt.NDArray[Any]) -> Pixels:
    """Map percentiles 0.5 to 99.5 of ``frame`` (rows, columns), which must differ, to 0-1."""
    low, high = limits(frame)
    scaled = (frame.astype(np.float32) - low) / (high - low)
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)


def resize(frame: Pixels, shape: tuple[int, int]) -> Pixels:
    """Return ``frame`` with ``shape`` (rows, columns), averaged when it shrinks."""
    if frame.shape[:2] == shape:
        return frame
    shrinks = shape[0] * shape[1] < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, shape[::-1], interpolation=method), dtype=np.float32)
