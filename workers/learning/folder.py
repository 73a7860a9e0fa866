"""Folder: real images and what people drew on them, as ``cutis gather`` writes them.

A mask has the name of its image, whatever the ending, and is 0 or 255. Masks lie in one folder per
segment, named by its number in the model's spec; of one segment alone they may lie there directly.
A table (CSV with columns ``image``, ``patient`` and, where they are known, ``row_um`` and
``column_um``) says whose images belong together and how large a pixel is.
"""

import argparse
import csv
import hashlib
import math
from collections.abc import Iterable, Sequence
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
        """Return every image that has a mask, in the order of their names.

        Raises
        ------
        ConfigurationError
            A folder is missing, or the table: see :func:`said`.
        """
        rows = said(self.groups)
        drawn: dict[str, dict[int, Path]] = {}
        for number, folder in self._mask_folders():
            for path in files_in(folder):
                drawn.setdefault(path.stem, {})[number] = path
        return [
            FolderCase(
                image=path,
                masks=drawn[path.stem],
                patient=rows.get(path.stem, {}).get("patient") or path.stem,
                row=rows.get(path.stem, {}),
            )
            for path in files_in(self.images)
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
        It says none, or what is no size.
    """
    try:
        row_um, column_um = float(row["row_um"]), float(row["column_um"])
    except (KeyError, TypeError, ValueError):
        row_um = column_um = 0.0
    if not (0 < row_um < math.inf and 0 < column_um < math.inf):
        raise ConfigurationError("the table has no row_um and column_um of an image")
    return PixelSpacing(row_mm=row_um / 1000, column_mm=column_um / 1000, source="calibrated")


def is_held_out(patient: str) -> bool:
    """Whether training leaves this patient to the evaluation: one in five, by their name's hash."""
    return hashlib.sha256(patient.encode()).digest()[0] % _HELD_OUT == 0


def by_patient(cases: Iterable[tuple[str, Example]]) -> list[list[Example]]:
    """Return the cases of each patient, from pairs of a patient and a case, in their order.

    Images of one patient are alike: intervals are over patients.
    """
    found: dict[str, list[Example]] = {}
    for patient, case in cases:
        found.setdefault(patient, []).append(case)
    return list(found.values())


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
    """Return what a CSV says of each image, by the image's name without ending.

    Raises
    ------
    ConfigurationError
        It cannot be read, has no column ``image``, or two lines for one image.
    """
    if table is None:
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:  # Excel writes a mark
            rows = [(row["image"], row) for row in csv.DictReader(file)]
    except KeyError:
        raise ConfigurationError("the table has no column image, or no commas") from None
    except (OSError, UnicodeError, csv.Error) as error:  # its text may quote a line
        kind = type(error).__name__
        raise ConfigurationError(f"the table cannot be read as CSV in UTF-8: {kind}") from None
    found = {Path(name).stem: row for name, row in rows}
    if len(found) < len(rows):
        raise ConfigurationError("the table has two lines for one image")
    return found


def files_in(folder: Path) -> list[Path]:
    """Return the files in ``folder``, by name.

    Raises
    ------
    ConfigurationError
        There is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder.name}")
    return sorted(one for one in folder.iterdir() if one.is_file())


def all_or_none(given: argparse.Namespace, *names: str) -> bool:
    """Return whether the options ``names`` were all given; false where none was.

    Raises
    ------
    ConfigurationError
        Some were, and the others not: what then would be learnt from is not what was meant.
    """
    missing = [f"--{one}" for one in names if getattr(given, one) is None]
    if missing and len(missing) < len(names):
        raise ConfigurationError(f"{', '.join(missing)} is missing: one needs the other")
    return not missing


def resolved(path: str) -> Path:
    """Return ``path`` as it is from here: processes of Ray Train work in folders of their own."""
    return Path(path).resolve()


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of real images."""
    parser.add_argument("--images", type=resolved, help="folder of real images, of one name with …")
    parser.add_argument("--masks", type=resolved, help="… their masks, 0 and 255")
    parser.add_argument("--groups", type=resolved, help="CSV with columns image and patient")


def folder_of(given: argparse.Namespace, segments: tuple[int, ...], *, alone: int) -> Folder | None:
    """Return the folder that the options name, if they name one; see :class:`Folder`.

    Raises
    ------
    ConfigurationError
        They name half of it.
    """
    if not all_or_none(given, "images", "masks"):
        return None
    return Folder(
        images=given.images,
        masks=given.masks,
        groups=given.groups,
        segments=segments,
        alone=alone,
    )
