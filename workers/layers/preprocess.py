"""Preprocess: from any grayscale frame to what the network was trained on."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.contract import PixelSpacing
from workers.layers.network import MULTIPLE

Pixels = npt.NDArray[np.float32]

TRAINED_MICROMETRES = (1.4, 2.4)
"""Pixel sizes the network saw in training, in micrometres.

Coarser than the instrument's 1 um: speckle averages out, the whole depth fits the network's view,
and a frame costs a quarter as much. Boundaries are found at the frame's own size again.
"""

ASSUMED_DEPTH = 500.0
"""How deep a section without spacing is taken to be, in micrometres; only to choose a scale."""

MINIMUM_PIXELS = 64
"""Rows and columns below which no section of skin fits."""


def why_unusable(pixels: npt.NDArray[Any]) -> str:
    """Return why ``pixels`` (frames, rows, columns) cannot be a section, or an empty string."""
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
    """Map percentiles 0.5 to 99.5 of ``frame`` (rows, columns) to -1..1, clipped."""
    low, high = _limits(frame)
    scaled = (frame.astype(np.float32) - low) * (2 / (high - low)) - 1
    return np.asarray(np.clip(scaled, -1, 1), dtype=np.float32)


def working_shape(shape: tuple[int, int], spacing: PixelSpacing | None) -> tuple[int, int]:
    """Return the rows and columns at which the network should see a frame of ``shape``.

    Unchanged while the pixel size is one the network was trained on, else the nearest such size,
    on each axis by itself. Without spacing the frame is taken to be 500 um deep.
    """
    size = ASSUMED_DEPTH / shape[0]
    sizes = (size, size)
    if spacing is not None:
        sizes = (spacing.row_mm * 1000, spacing.column_mm * 1000)
    rows, columns = (
        max(1, round(length * micrometres / _nearest_trained(micrometres)))
        for length, micrometres in zip(shape, sizes, strict=True)
    )
    return rows, columns


def resize(frame: Pixels, shape: tuple[int, int]) -> Pixels:
    """Return ``frame`` with ``shape`` (rows, columns), averaged when it shrinks."""
    if frame.shape[:2] == shape:
        return frame
    shrinks = shape[0] * shape[1] < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, shape[::-1], interpolation=method), dtype=np.float32)


def pad(frame: Pixels) -> Pixels:
    """Repeat the last row and column until both lengths fit the network."""
    down, right = (-length % MULTIPLE for length in frame.shape)
    return np.pad(frame, ((0, down), (0, right)), mode="edge")


def _limits(frame: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(frame, (0.5, 99.5))
    return float(low), float(high)


def _nearest_trained(micrometres: float) -> float:
    smallest, largest = TRAINED_MICROMETRES
    return min(max(micrometres, smallest), largest)
