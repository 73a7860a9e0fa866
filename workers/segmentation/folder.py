"""Folder: real photos and what people drew on them, as ``cutis gather`` writes them.

A mask has the name of its photo, whatever the ending, and is 0 or 255. Masks lie in one
folder per segment, named by its number in the model's spec; masks that lie there directly are of
lesions. A table (CSV with columns ``image`` and ``patient``) says whose photos belong together.
"""

import argparse
import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.segmentation.spec import KELOID, LESION, SKIN

_HELD_OUT = 5
"""One patient in so many is kept for the evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCase:
    """One photo with its masks: segment number to file."""

    image: Path
    masks: dict[int, Path]
    patient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where photos, masks and the table of patients are."""

    images: Path
    masks: Path
    groups: Path | None = None

    def cases(self) -> list[FolderCase]:
        """Return every photo that has a mask, in the order of their names."""
        patients = {name: row.get("patient", "") for name, row in said(self.groups).items()}
        drawn: dict[str, dict[int, Path]] = {}
        for number, folder in self._mask_folders():
            for path in folder.iterdir():
                if path.is_file():
                    drawn.setdefault(path.stem, {})[number] = path
        return [
            FolderCase(
                image=path, masks=drawn[path.stem], patient=patients.get(path.stem) or path.stem
            )
            for path in sorted(self.images.iterdir())
            if path.stem in drawn
        ]

    def _mask_folders(self) -> list[tuple[int, Path]]:
        own = [(one, self.masks / str(one)) for one in (SKIN, LESION, KELOID)]
        there = [(number, folder) for number, folder in own if folder.is_dir()]
        return there or [(LESION, self.masks)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPhoto:
    """``image`` (rows, columns, 3) uint8 RGB; ``bits`` 1 skin, 2 lesion, 4 keloid; which known."""

    image: npt.NDArray[np.uint8]
    bits: npt.NDArray[np.uint8]
    known: int


def read_photo(case: FolderCase) -> DrawnPhoto:
    """Read a photo and its masks.

    Raises
    ------
    ConfigurationError
        One of them is no picture, or of another size.
    """
    bgr = cv2.imread(str(case.image))
    if bgr is None:
        raise ConfigurationError("a photo is no picture")
    bits, known = np.zeros(bgr.shape[:2], np.uint8), 0
    for number, path in case.masks.items():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != bits.shape:
            raise ConfigurationError("a mask is no picture, or not of its photo's size")
        bits |= (mask > 127).astype(np.uint8) << (number - 1)
        known |= 1 << (number - 1)
    return DrawnPhoto(image=np.ascontiguousarray(bgr[..., ::-1]), bits=bits, known=known)


def is_held_out(patient: str) -> bool:
    """Whether training leaves this patient to the evaluation: one in five, by their name's hash."""
    return hashlib.sha256(patient.encode()).digest()[0] % _HELD_OUT == 0


def said(table: Path | None) -> dict[str, dict[str, str]]:
    """Return what a CSV says of each image, by the image's name without ending."""
    if table is None:
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {Path(row["image"]).stem: row for row in csv.DictReader(file)}


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of photos."""
    parser.add_argument("--images", type=Path, help="folder of real photos, of one name with …")
    parser.add_argument("--masks", type=Path, help="… their masks, 0 and 255")
    parser.add_argument("--groups", type=Path, help="CSV with columns image and patient")


def folder_of(given: argparse.Namespace) -> Folder | None:
    """Return the folder that the options name, if they name one."""
    if not given.images or not given.masks:
        return None
    return Folder(images=given.images, masks=given.masks, groups=given.groups)
