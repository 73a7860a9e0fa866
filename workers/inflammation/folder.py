"""Folder: real confocal fields and the grades that experts gave them.

A table (CSV) has a line for each image: ``image``, ``patient``, ``grade`` (0 to 4; a mean of
readers is fine), and the pixel size, ``row_um`` and ``column_um``, since cells are counted.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.contract import PixelSpacing
from workers.inflammation.network import GRADES
from workers.inflammation.preprocess import working_shape
from workers.learning.folder import is_held_out, said, spacing_in
from workers.learning.grayscale import resize


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedField:
    """``pixels`` (rows, columns) as stored, and the expert's ``grade`` of the whole."""

    pixels: npt.NDArray[Any]
    grade: float
    patient: str
    spacing: PixelSpacing


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedFolder:
    """Where images and the table of their grades are."""

    images: Path
    grades: Path

    def fields(self, *, held_out: bool | None = None) -> Iterator[GradedField]:
        """Yield every image that has a grade, in the order of their names.

        With ``held_out``, those of patients that training leaves out; if false, the others.

        Raises
        ------
        ConfigurationError
            An image is no gray picture; its grade is no number from 0 to 4, its size unknown.
        """
        rows = said(self.grades)
        for path in sorted(self.images.iterdir()):
            row = rows.get(path.stem, {})
            patient = row.get("patient") or path.stem
            if row.get("grade") and held_out in {None, is_held_out(patient)}:
                yield _field(path, row, patient)


def add_grades(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of graded images."""
    parser.add_argument("--images", type=Path, help="folder of real confocal images, and …")
    parser.add_argument("--grades", type=Path, help="… CSV: image, patient, grade, row_um, …")


def graded_of(given: argparse.Namespace) -> GradedFolder | None:
    """Return the folder that the options name, if they name one."""
    if not given.images or not given.grades:
        return None
    return GradedFolder(images=given.images, grades=given.grades)


def tiles(one: GradedField, side: int) -> list[npt.NDArray[np.uint8]]:
    """Return the field at the network's scale, cut into squares of ``side`` pixels.

    The last ones of a row or column overlap those before. None where the field is smaller.
    """
    shape = (one.pixels.shape[0], one.pixels.shape[1])
    low, high = float(one.pixels.min()), float(one.pixels.max())
    scaled = (one.pixels.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    seen = resize(scaled, working_shape(shape, one.spacing))
    rows, columns = seen.shape
    return [
        np.clip(seen[row : row + side, column : column + side], 0, 255).astype(np.uint8)
        for row in _starts(rows, side)
        for column in _starts(columns, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length < side:
        return []
    return [*range(0, length - side, side), length - side]


def _field(path: Path, row: dict[str, str], patient: str) -> GradedField:
    pixels = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ConfigurationError("a confocal field is no picture")
    try:
        grade = float(row["grade"])
    except ValueError as wrong:
        raise ConfigurationError("a grade is no number") from wrong
    if not 0 <= grade <= GRADES - 1:
        raise ConfigurationError("a grade is not from 0 to 4")
    return GradedField(pixels=pixels, grade=grade, patient=patient, spacing=spacing_in(row))
