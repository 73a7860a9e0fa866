"""Folder: real images and what people drew on them, as ``cutis gather`` writes them.

A mask has the name of its image, whatever the ending, and is 0 or 255. Masks lie in one folder per
segment, named by its number in the model's spec; of one segment alone they may lie there directly.
A table (CSV with columns ``image``, ``patient`` and, where they are known, ``row_um`` and
``column_um``) says whose images belong together and how large a pixel is.
"""

import argparse
import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.contract import PixelSpacing

Example = TypeVar("Example")

_HELD_OUT = 5
"""One patient in so many is kept for the evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCase:
    """One image with its masks (segment number to file) and what the table says of it."""

    image: Path
    masks: dict[int, Path]
    patient: str
    row: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where images, masks and the table of patients are.

    ``segments`` are the model's; masks without a folder of their own are of segment ``alone``.
    """

    images: Path
    masks: Path
    groups: Path | None = None
    segments: tuple[int, ...]
    alone: int

    def cases(self) -> list[FolderCase]:
        """Return every image that has a mask, in the order of their names."""
        rows = said(self.groups)
        drawn: dict[str, dict[int, Path]] = {}
        for number, folder in self._mask_folders():
            for path in folder.iterdir():
                if path.is_file():
                    drawn.setdefault(path.stem, {})[number] = path
        return [
            FolderCase(
                image=path,
                masks=drawn[path.stem],
                patient=rows.get(path.stem, {}).get("patient") or path.stem,
                row=rows.get(path.stem, {}),
            )
            for path in sorted(self.images.iterdir())
            if path.stem in drawn
        ]

    def _mask_folders(self) -> list[tuple[int, Path]]:
        own = [(one, self.masks / str(one)) for one in self.segments]
        there = [(number, folder) for number, folder in own if folder.is_dir()]
        return there or [(self.alone, self.masks)]


def read_masks(case: FolderCase, shape: tuple[int, int]) -> dict[int, npt.NDArray[np.bool_]]:
    """Return the masks of an image of ``shape`` (rows, columns), by segment.

    Raises
    ------
    ConfigurationError
        One of them is no picture, or of another size.
    """
    found = {}
    for number, path in case.masks.items():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != shape:
            raise ConfigurationError("a mask is no picture, or not of its image's size")
        found[number] = np.asarray(mask > 127, np.bool_)
    return found


def spacing_in(row: dict[str, str]) -> PixelSpacing:
    """Return the pixel size that a line of the table says.

    Raises
    ------
    ConfigurationError
        It says none.
    """
    try:
        row_um, column_um = float(row["row_um"]), float(row["column_um"])
    except (KeyError, ValueError) as unknown:
        raise ConfigurationError("the table has no row_um and column_um of an image") from unknown
    return PixelSpacing(row_mm=row_um / 1000, column_mm=column_um / 1000, source="calibrated")


def is_held_out(patient: str) -> bool:
    """Whether training leaves this patient to the evaluation: one in five, by their name's hash."""
    return hashlib.sha256(patient.encode()).digest()[0] % _HELD_OUT == 0


def half_real(
    simulated: Sequence[Example], real: Sequence[Example], rng: np.random.Generator, size: int
) -> list[Example]:
    """Return ``size`` examples for a batch: half of them real, where there are real ones."""
    of_real = size // 2 if real else 0
    chosen = [simulated[one] for one in rng.integers(len(simulated), size=size - of_real)]
    if real:
        chosen += [real[one] for one in rng.integers(len(real), size=of_real)]
    return chosen


def said(table: Path | None) -> dict[str, dict[str, str]]:
    """Return what a CSV says of each image, by the image's name without ending."""
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {Path(row["image"]).stem: row for row in csv.DictReader(file)}


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of real images."""
    parser.add_argument("--images", type=Path, help="folder of real images, of one name with …")
    parser.add_argument("--masks", type=Path, help="… their masks, 0 and 255")
    parser.add_argument("--groups", type=Path, help="CSV with columns image and patient")


def folder_of(given: argparse.Namespace, segments: tuple[int, ...], *, alone: int) -> Folder | None:
    """Return the folder that the options name, if they name one; see :class:`Folder`."""
    if not given.images or not given.masks:
        return None
    return Folder(
        images=given.images,
        masks=given.masks,
        groups=given.groups,
        segments=segments,
        alone=alone,
    )
