"""Pictures: PNG files of what a reader sees in the PACS, made from the objects read back."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from shared.caption import Line, draw_caption
from shared.colour_bar import colour_bar, heat_colours
from shared.dicom.pixels import read_frames
from shared.wording import unit_in_words

_LONGER_SIDE = 512


def picture_of(path: Path, role: str) -> Path | None:
    """Write a PNG beside the DICOM file ``path``; ``None`` for roles that are no pictures.

    The plain picture (``sc``) is taken as it is, a map (``pm``) in false colours, with its colour
    bar and the caution. Of several frames the middle one is shown.
    """
    if role not in {"sc", "pm"}:
        return None
    frames = read_frames(path).pixels
    image = frames[len(frames) // 2] if role == "sc" else _captioned_map(path, frames)
    target = path.with_suffix(".png")
    Image.fromarray(np.asarray(image, np.uint8)).save(target)
    return target


def heat_map(values: npt.NDArray[Any], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return (rows, columns) values as (rows, columns, 3) RGB, from dark to bright in limits."""
    low, high = limits
    scaled = (np.asarray(values, np.float64) - low) / max(high - low, 1e-9)
    return heat_colours()[np.round(np.clip(scaled, 0, 1) * 255).astype(np.uint8)]


def _captioned_map(path: Path, frames: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    dataset = dcmread(path, stop_before_pixels=True)
    low, high = _window(dataset)
    middle = len(frames) // 2
    heat = heat_map(frames[middle], (low, high))
    factor = max(_LONGER_SIDE / max(heat.shape[:2]), 1.0)
    size = [max(1, round(side * factor)) for side in heat.shape[1::-1]]
    sized = np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    which = f", frame {middle + 1} of {len(frames)}" if len(frames) > 1 else ""
    bar = colour_bar(low, high, highest=float(frames.max()))
    version = str(dataset.SoftwareVersions).split(" ")[0]  # the model's, then the writer's
    lines = [
        Line(text=f"{dataset.ManufacturerModelName} {version}{which}"),
        Line(text=_name(dataset), bar=bar),
    ]
    return draw_caption(sized, lines)


def _window(dataset: Dataset) -> tuple[float, float]:
    """Return what a viewer shows from dark to bright (Frame VOI LUT, PS3.3 C.7.6.16.2.10)."""
    group = dataset.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    centre, width = float(group.WindowCenter), float(group.WindowWidth)
    return centre - width / 2, centre + width / 2


def _name(dataset: Dataset) -> str:
    """Return what the values are, and in what unit (PS3.3 C.7.6.16.2.11)."""
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    unit = mapping.MeasurementUnitsCodeSequence[0]
    words = unit_in_words(str(unit.CodeValue), str(unit.CodeMeaning))
    return f"{mapping.LUTExplanation}, {words}" if words else str(mapping.LUTExplanation)
