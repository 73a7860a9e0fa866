"""Pictures: PNG files of what a reader sees in the PACS, made from the objects read back."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image
from pydicom import dcmread

from shared.dicom.pixels import read_frames

_COLOURS = "inferno"


def picture_of(path: Path, role: str) -> Path | None:
    """Write a PNG beside the DICOM file ``path``; ``None`` for roles that are no pictures.

    The plain picture (``sc``) is taken as it is, a map (``pm``) in false colours. Of several
    frames the middle one is shown.
    """
    if role not in {"sc", "pm"}:
        return None
    frames = read_frames(path).pixels
    middle = frames[len(frames) // 2]
    image = middle if role == "sc" else heat_map(middle, _window(path))
    target = path.with_suffix(".png")
    Image.fromarray(np.asarray(image, np.uint8)).save(target)
    return target


def heat_map(values: npt.NDArray[Any], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) values as (rows, columns, 3) RGB, from dark to bright in limits."""
    low, high = limits
    scaled = (np.asarray(values, np.float64) - low) / max(high - low, 1e-9)
    colours = colormaps[_COLOURS](np.clip(scaled, 0, 1))[..., :3]
    return np.asarray(colours * 255, dtype=np.uint8)


def _window(path: Path) -> tuple[float, float]:
    """Return what a viewer shows from dark to bright (Frame VOI LUT, PS3.3 C.7.6.16.2.10)."""
    dataset = dcmread(path, stop_before_pixels=True)
    group = dataset.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    centre, width = float(group.WindowCenter), float(group.WindowWidth)
    return centre - width / 2, centre + width / 2
