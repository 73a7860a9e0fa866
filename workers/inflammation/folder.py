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
from workers.inflammation.preprocess import MINIMUM_PIXELS, PLAUSIBLE_MICROMETRES, picture
from workers.learning.calibration import why_implausible
from workers.learning.folder import (
    all_or_none,
    files_in,
    is_held_out,
    resolved,
    said,
    spacing_in,
)
from workers.learning.grayscale import has_contrast, why_unusable


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
            An image is no gray picture of a plausible pixel size that can be read; its grade is no
            number from 0 to 4, its patient unknown; the folder or table cannot be read.
        """
        rows = said(self.grades)
        for path in files_in(self.images):
            row = rows.get(path.stem, {})
            if not row.get("grade"):
                continue
            if not (patient := row.get("patient")):
                # Else images of one patient would be learnt from and judged on.
                raise ConfigurationError("the table does not say whose a graded field is")
            if held_out in {None, is_held_out(patient)}:
                yield _field(path, row, patient)


def add_grades(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of graded images."""
    parser.add_argument("--images", type=resolved, help="folder of real confocal images, and …")
    parser.add_argument("--grades", type=resolved, help="… CSV: image, patient, grade, row_um, …")


def graded_of(given: argparse.Namespace) -> GradedFolder | None:
    """Return the folder that the options name, if they name one.

    Raises
    ------
    ConfigurationError
        They name half of it.
    """
    if not all_or_none(given, "images", "grades"):
        return None
    return GradedFolder(images=given.images, grades=given.grades)


def tiles(one: GradedField, side: int) -> list[npt.NDArray[np.uint8]]:
    """Return the field at the network's scale, cut into squares of ``side`` pixels.

    The last ones of a row or column overlap those before. None where the field is smaller; those
    that show nothing, such as empty tiles of a mosaic, are left out.
    """
    seen = (picture(one.pixels, one.spacing) * 255).astype(np.uint8)
    rows, columns = seen.shape
    squares = (
        seen[row : row + side, column : column + side]
        for row in _starts(rows, side)
        for column in _starts(columns, side)
    )
    return [square for square in squares if has_contrast(square)]


def _starts(length: int, side: int) -> list[int]:
    if length < side:
        return []
    return [*range(0, length - side, side), length - side]


def _field(path: Path, row: dict[str, str], patient: str) -> GradedField:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 2:
        raise ConfigurationError("a confocal field is no gray picture")
    spacing = spacing_in(row)
    # What would not be read is not learnt from either.
    reason = why_unusable(pixels[None], MINIMUM_PIXELS) or why_implausible(
        spacing, PLAUSIBLE_MICROMETRES
    )
    if reason:
        raise ConfigurationError(f"a confocal field cannot be read: {reason}")
    try:
        grade = float(row["grade"])
    except ValueError as wrong:
        raise ConfigurationError("a grade is no number") from wrong
    if not 0 <= grade <= GRADES - 1:
        raise ConfigurationError("a grade is not from 0 to 4")
    return GradedField(pixels=pixels, grade=grade, patient=patient, spacing=spacing)
