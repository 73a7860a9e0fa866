"""Contact sheet: phantoms beside their truth on one picture, for a person to judge."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[Any]
"""(rows, columns) or (rows, columns, 3), 0-255."""

_COLUMNS = 3
_WIDTH = 240
_GAP = 4


def write_sheet(path: Path, pairs: Sequence[tuple[Picture, Picture]]) -> None:
    """Write a JPEG with each phantom left and its truth right, three pairs a row.

    All pairs are shown at the proportions of the first.
    """
    rows, columns = pairs[0][0].shape[:2]
    shape = (_WIDTH, round(_WIDTH * rows / columns))
    cells = [np.hstack([_cell(one, shape) for one in pair]) for pair in pairs]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    lines = [np.hstack(cells[start : start + _COLUMNS]) for start in range(0, len(cells), _COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    _, packed = cv2.imencode(".jpg", np.vstack(lines), [cv2.IMWRITE_JPEG_QUALITY, 82])
    path.write_bytes(packed.tobytes())


def _cell(picture: Picture, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    grey = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    scaled = cv2.resize(grey.astype(np.uint8), shape, interpolation=cv2.INTER_AREA)
    border = (_GAP // 2,) * 4
    framed = cv2.copyMakeBorder(
        scaled[..., ::-1], *border, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )
    return np.asarray(framed, np.uint8)
