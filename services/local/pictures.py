"""Pictures: PNG files of what a reader sees in the PACS, made from the objects read back."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image

from shared.dicom.pixels import read_frames

_COLOURS = "inferno"
_LOW, _HIGH = 1, 99  # percentiles: one hot pixel must not turn the rest black


def picture_of(path: Path, role: str) -> Path | None:
    """Write a PNG beside the DICOM file ``path``; ``None`` for roles that are no pictures.

    The plain picture (``sc``) is taken as it is, a map (``pm``) in false colours. Of several
    frames the middle one is shown.
    """
    if role not in {"sc", "pm"}:
        return None
    frames = read_frames(path).pixels
    middle = frames[len(frames) // 2]
    image = middle if role == "sc" else heat_map(middle)
    target = path.with_suffix(".png")
    Image.fromarray(np.asarray(image, np.uint8)).save(target)
    return target


def heat_map(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) values as (rows, columns, 3) RGB, dark to bright."""
    low, high = np.percentile(values, (_LOW, _HIGH))
    scaled = (values - low) / max(float(high - low), np.finfo(np.float32).eps)
    colours = colormaps[_COLOURS](np.clip(scaled, 0, 1))[..., :3]
    return np.asarray(colours * 255, dtype=np.uint8)
