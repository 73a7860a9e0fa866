"""Preprocess: from any grayscale frame to what the network was trained on."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.contract import PixelSpacing
from workers.learning.calibration import scale_hint
from workers.learning.grayscale import Pixels, limits, resize, shape_at, stretched

WORKING_MICROMETRES = 0.6
"""Pixel size at which the network sees everything: a cell count means nothing without a scale."""

PLAUSIBLE_MICROMETRES = (0.1, 2.5)
"""Pixel sizes a confocal image may have; at coarser ones no cell can be told from its neighbour."""

MINIMUM_PIXELS = 64
"""Rows and columns below which too few cells are seen."""

_NEIGHBOURHOOD = 65
"""Side of the box, in pixels, whose mean and SD each pixel is compared with."""


def normalise(frame: npt.NDArray[Any]) -> Pixels:
    """Return how far each pixel of ``frame`` (rows, columns) is from its neighbourhood.

    In SDs of the neighbourhood, clipped at 4. The box moves with the pixel and does not depend
    on the window that is graded; normalising each window by itself would make the map of a whole
    image differ from its windows.
    """
    low, high = limits(frame)
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

    At ``WORKING_MICROMETRES``; unchanged when the spacing is unknown or implausible.
    """
    hint = scale_hint(spacing, PLAUSIBLE_MICROMETRES)
    if hint is None:
        return shape
    micrometres = (hint.row_mm * 1000, hint.column_mm * 1000)
    return shape_at(shape, micrometres, (WORKING_MICROMETRES, WORKING_MICROMETRES))


def picture(frame: npt.NDArray[Any], spacing: PixelSpacing | None) -> Pixels:
    """Return ``frame`` (rows, columns) in 0-1 at the network's scale, to compare with phantoms."""
    return resize(stretched(frame), working_shape((frame.shape[0], frame.shape[1]), spacing))
