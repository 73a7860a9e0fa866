"""Preprocess: from any grayscale frame to what the network was trained on."""

from typing import Any

import numpy as np
import numpy.typing as npt

from workers.contract import PixelSpacing
from workers.layers.network import MULTIPLE
from workers.learning.calibration import scale_hint
from workers.learning.grayscale import Pixels, limits, resize, shape_at, stretched

TRAINED_MICROMETRES = (1.4, 2.4)
"""Pixel sizes the network saw in training, in micrometres.

Coarser than the instrument's 1 um: speckle averages out, the whole depth fits the network's view,
and a frame costs a quarter as much. Boundaries are found at the frame's own size again.
"""

PLAUSIBLE_MICROMETRES = (0.2, 5.0)
"""Pixel sizes an LC-OCT image may have: 1 um as acquired, up to 5 um in exported stacks."""

ASSUMED_DEPTH = 500.0
"""How deep a section without spacing is taken to be, in micrometres; only to choose a scale."""

MINIMUM_PIXELS = 64
"""Rows and columns below which no section of skin fits."""


def normalise(frame: npt.NDArray[Any]) -> Pixels:
    """Map percentiles 0.5 to 99.5 of ``frame`` (rows, columns) to -1..1, clipped."""
    low, high = limits(frame)
    scaled = (frame.astype(np.float32) - low) * (2 / (high - low)) - 1
    return np.asarray(np.clip(scaled, -1, 1), dtype=np.float32)


def working_shape(shape: tuple[int, int], spacing: PixelSpacing | None) -> tuple[int, int]:
    """Return the rows and columns at which the network should see a frame of ``shape``.

    At the nearest pixel size that the network was trained on. A frame whose spacing is unknown or
    implausible is taken to be 500 um deep.
    """
    size = ASSUMED_DEPTH / shape[0]
    hint = scale_hint(spacing, PLAUSIBLE_MICROMETRES)
    sizes = (size, size) if hint is None else (hint.row_mm * 1000, hint.column_mm * 1000)
    return shape_at(shape, sizes, TRAINED_MICROMETRES)


def pad(frame: Pixels) -> Pixels:
    """Repeat the last row and column until both lengths fit the network."""
    down, right = (-length % MULTIPLE for length in frame.shape)
    return np.pad(frame, ((0, down), (0, right)), mode="edge")


def picture(frame: npt.NDArray[Any], spacing: PixelSpacing | None) -> Pixels:
    """Return ``frame`` (rows, columns) in 0-1 at the network's scale, to compare with phantoms."""
    return resize(stretched(frame), working_shape((frame.shape[0], frame.shape[1]), spacing))
