"""Crop rule: the window of a photo that shows mostly skin and enough lesion.

A window qualifies with more than 80 % skin and more than 10 % lesion. Of those that do, the best is
the one that agrees most with the lesion (greatest Dice of window and lesion mask), so it holds as
much of the lesion as it can and little else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.findings import Mask

SKIN_SHARE = 0.80
LESION_SHARE = 0.10
_SMALLEST = 24
_ASPECTS = (1.0, 4 / 3, 3 / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A window in pixels, ``x1`` and ``y1`` exclusive, and the shares (0-1) it was chosen by."""

    x0: int
    y0: int
    x1: int
    y1: int
    skin_share: float
    lesion_share: float

    def scaled(self, down: float, across: float) -> "Crop":
        """Return this window on an image that is ``down`` times as high, ``across`` as wide."""
        return Crop(
            x0=round(self.x0 * across),
            y0=round(self.y0 * down),
            x1=max(round(self.x1 * across), round(self.x0 * across) + 1),
            y1=max(round(self.y1 * down), round(self.y0 * down) + 1),
            skin_share=self.skin_share,
            lesion_share=self.lesion_share,
        )


def whole(rows: int, columns: int) -> Crop:
    """Return the window that is all of a photo, chosen by no rule."""
    return Crop(x0=0, y0=0, x1=columns, y1=rows, skin_share=0.0, lesion_share=0.0)


def best_crop(skin: Mask, lesion: Mask) -> Crop | None:
    """Return the best window that meets the rule, or ``None``.

    ``skin`` and ``lesion`` are (rows, columns), lesion ⊂ skin. Integral images make every window
    cost the same, whatever its size (Crow, SIGGRAPH 1984).
    """
    if not lesion.any():
        return None
    skin_sum, lesion_sum = _integral(skin), _integral(lesion)
    total = int(lesion.sum())
    best: tuple[float, Crop] | None = None
    for height, width in _window_sizes(*skin.shape):
        tops = np.arange(0, skin.shape[0] - height + 1, max(1, height // 8))
        lefts = np.arange(0, skin.shape[1] - width + 1, max(1, width // 8))
        skin_share = _sums(skin_sum, tops, lefts, height, width) / (height * width)
        lesion_share = _sums(lesion_sum, tops, lefts, height, width) / (height * width)
        overlap = 2 * lesion_share * height * width / (total + height * width)
        allowed = (skin_share > SKIN_SHARE) & (lesion_share > LESION_SHARE)
        score = np.where(allowed, overlap, -1.0)
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] > (best[0] if best else 0.0):
            top, left = int(tops[row]), int(lefts[column])
            found = Crop(
                x0=left,
                y0=top,
                x1=left + width,
                y1=top + height,
                skin_share=float(skin_share[row, column]),
                lesion_share=float(lesion_share[row, column]),
            )
            best = (float(score[row, column]), found)
    return best[1] if best else None


def _window_sizes(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield (height, width): steps of √2 in size, three aspects, as far as they fit."""
    side = float(min(_SMALLEST, rows, columns))
    while side <= max(rows, columns):
        for aspect in _ASPECTS:
            height, width = round(side / aspect**0.5), round(side * aspect**0.5)
            if 0 < height <= rows and 0 < width <= columns:
                yield height, width
        side *= 2**0.5


def _integral(mask: Mask) -> Any:
    return np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _sums(integral: Any, tops: Any, lefts: Any, height: int, width: int) -> Any:
    """Return how many pixels are set in each window, (tops, lefts)."""
    upper, lower = integral[tops], integral[tops + height]
    band = lower - upper
    return band[:, lefts + width] - band[:, lefts]
