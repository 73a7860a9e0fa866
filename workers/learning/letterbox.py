"""Letterbox: a photo of any shape in a square of fixed size, and maps of it back again."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """How an image of ``rows`` x ``columns`` lies in the top left of a ``size`` square."""

    rows: int
    columns: int
    size: int

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns of the scaled image inside the square; its long side is ``size``."""
        scale = self.size / max(self.rows, self.columns)
        return max(1, round(self.rows * scale)), max(1, round(self.columns * scale))

    def pack(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Scale ``image`` (rows, columns[, channels]) in and mirror it into the rest.

        Mirroring keeps the statistics that normalisation layers see; black bars would not.
        """
        rows, columns = self.inner
        shrinks = max(self.rows, self.columns) > self.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        scaled = cv2.resize(image, (columns, rows), interpolation=how)
        fill = ((0, self.size - rows), (0, self.size - columns), (0, 0))
        return np.pad(scaled, fill[: scaled.ndim], mode="symmetric")

    def unpack(self, square: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return ``square`` (size, size) float32 at the size of the original image."""
        rows, columns = self.inner
        inner = np.ascontiguousarray(square[:rows, :columns])
        whole = cv2.resize(inner, (self.columns, self.rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(whole, np.float32)
