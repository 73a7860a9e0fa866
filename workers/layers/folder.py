"""Folder: real sections and the layers that people drew on them."""

import argparse
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.contract import PixelSpacing
from workers.layers.spec import SPEC
from workers.learning.folder import Folder, FolderCase, folder_of, read_masks, spacing_in

SEGMENTS = tuple(one.number for one in SPEC.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSection:
    """``pixels`` (rows, columns) as stored, ``labels`` uint8 alike: 0 gel, else the layer."""

    pixels: npt.NDArray[Any]
    labels: npt.NDArray[np.uint8]
    spacing: PixelSpacing


def sections_of(given: argparse.Namespace) -> Folder | None:
    """Return the folder that the options name."""
    return folder_of(given, SEGMENTS, alone=SEGMENTS[-1])


def complete(folder: Folder) -> list[FolderCase]:
    """Return the sections on which every layer was drawn: what nobody drew cannot be told from gel.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    found = [one for one in folder.cases() if set(one.masks) == set(SEGMENTS)]
    if not found:
        raise ConfigurationError("no section has a mask of its name for each of the three layers")
    return found


def read_section(case: FolderCase) -> DrawnSection:
    """Read a section, its layers, and its pixel size from the folder's table.

    Raises
    ------
    ConfigurationError
        A file is no gray picture or of another size, or the table does not say the pixel size.
    """
    pixels = cv2.imread(str(case.image), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ConfigurationError("a section is no picture")
    rows, columns = pixels.shape[:2]
    labels = np.zeros((rows, columns), np.uint8)
    for number, mask in read_masks(case, (rows, columns)).items():
        labels[mask] = number
    return DrawnSection(pixels=pixels, labels=labels, spacing=spacing_in(case.row))
