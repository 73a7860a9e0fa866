"""Preprocess: from any grayscale frame to what the network was trained on."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.contract import PixelSpacing

Pixels = npt.NDArray[np.float32]

TRAINED_MICROMETRES = (0.4, 0.8)
"""Pixel sizes the network saw in training, in micrometres."""

MINIMUM_PIXELS = 64
"""Rows and columns below which too few cells are seen."""

_NEIGHBOURHOOD = 65
"""Side of the box, in pixels, whose mean and SD each pixel is compared with."""


def why_unusable(pixels: npt.NDArray[Any]) -> str:
    """Return why ``pixels`` (frames, rows, columns) cannot be graded, or an empty string."""
    if pixels.ndim != 3:
        return "the image is not grayscale"
    if min(pixels.shape[1:]) < MINIMUM_PIXELS:
        return f"the image is smaller than {MINIMUM_PIXELS} pixels"
    if not np.isfinite(pixels).all():
        return "the image holds values that are not numbers"
    if not any(has_contrast(frame) for frame in pixels):
        return "the image has no contrast"
    return ""


def has_contrast(frame: npt.NDArray[Any]) -> bool:
    """Whether ``frame`` (rows, columns) shows anything: its percentiles 0.5 and 99.5 differ."""
    low, high = _limits(frame)
    return high > low


def normalise(frame: npt.NDArray[Any]) -> Pixels:
    """Return how far each pixel of ``frame`` (rows, columns) is from its neighbourhood.

    In SDs of the neighbourhood, clipped at 4. The box moves with the pixel and does not depend
    on the window that is graded; normalising each window by itself would make the map of a whole
    image differ from its windows.
    """
    low, high = _limits(frame)
    scaled = np.clip((frame.astype(np.float32) - low) / (high - low), 0, 1).astype(np.float32)
    mean, square = (
        cv2.boxFilter(one, -1, (_NEIGHBOURHOOD, _NEIGHBOURHOOD), borderType=cv2.BORDER_REFLECT_101)
        for one in (scaled, scaled * scaled)
    )
    # The floor keeps a dark corner's noise from looking like texture.
    spread = np.sqrt(np.maximum(square - mean * mean, 0) + 0.02**2)
    return np.asarray(np.clip((scaled - mean) / spread, -4, 4), dtype=np.float32)


def working_shape(shape: tuple[int, int], spacing: PixelSpacing | None) -> tuple[int, int]:
    """Return the rows and columns at which the network should see a frame of ``shape``.

    Unchanged while the pixel size is one the network was trained on, or unknown; else the
    nearest such size, on each axis by itself.
    """
    if spacing is None:
        return shape
    rows, columns = (
        max(1, round(length * millimetres * 1000 / _nearest_trained(millimetres * 1000)))
        for length, millimetres in zip(shape, (spacing.row_mm, spacing.column_mm), strict=True)
    )
    return rows, columns


def resize(frame: Pixels, shape: tuple[int, int]) -> Pixels:
    """Return ``frame`` with ``shape`` (rows, columns), averaged when it shrinks."""
    if frame.shape[:2] == shape:
        return frame
    shrinks = shape[0] * shape[1] < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, shape[::-1], interpolation=method), dtype=np.float32)


def _limits(frame: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(frame, (0.5, 99.5))
    return float(low), float(high)


def _nearest_trained(micrometres: float) -> float:
    smallest, largest = TRAINED_MICROMETRES
    return min(max(micrometres, smallest), largest)
