"""Folder: real photos, the keloids that people drew on them, and perfusion maps measured with them.

A map has the name of its photo and its size, pixel on pixel: a TIFF of floats or a picture of 16
bits, in perfusion units. These are the device's own; healthy skin of the phantoms has about 60.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.findings import Mask
from workers.learning.folder import (
    Folder,
    FolderCase,
    add_folder,
    all_or_none,
    files_in,
    folder_of,
    is_held_out,
    read_masks,
    resolved,
)
from workers.perfusion.spec import KELOID


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPhoto:
    """``photo`` (rows, columns, 3) uint8 RGB; ``perfusion`` float32 above 0; ``keloid`` bool."""

    photo: npt.NDArray[np.uint8]
    perfusion: npt.NDArray[np.float32]
    keloid: Mask
    patient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFolder:
    """Where photos and drawn keloids are, and the maps."""

    drawn: Folder
    maps: Path

    def photos(self, *, held_out: bool | None = None) -> Iterator[MeasuredPhoto]:
        """Yield every photo that has a keloid and a map, in the order of their names.

        With ``held_out``, those of patients that training leaves out; if false, the others.

        Raises
        ------
        ConfigurationError
            A file is no picture, of another size than its photo, or a map of 8 bits or of nothing.
        """
        maps = {one.stem: one for one in files_in(self.maps)}
        for case in self.drawn.cases():
            if case.image.stem in maps and held_out in {None, is_held_out(case.patient)}:
                yield _photo(case, maps[case.image.stem])


def add_measured(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a folder of photos with drawn keloids and measured maps."""
    add_folder(parser)
    parser.add_argument("--maps", type=resolved, help="perfusion maps: the photos' names, sizes")


def measured_of(given: argparse.Namespace) -> MeasuredFolder | None:
    """Return the folder that the options name, if they name one.

    Raises
    ------
    ConfigurationError
        They name part of it.
    """
    all_or_none(given, "images", "masks", "maps")
    drawn = folder_of(given, (KELOID,), alone=KELOID)
    return MeasuredFolder(drawn=drawn, maps=given.maps) if drawn else None


def _photo(case: FolderCase, path: Path) -> MeasuredPhoto:
    bgr = cv2.imread(str(case.image))
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if bgr is None or values is None:
        raise ConfigurationError("a photo or a perfusion map is no picture")
    if values.dtype == np.uint8 or values.shape != bgr.shape[:2]:
        raise ConfigurationError("a perfusion map is of 8 bits, or not of its photo's size")
    measured = values.astype(np.float32)
    if not np.isfinite(measured).all() or measured.max() <= 0:
        raise ConfigurationError("a perfusion map holds no perfusion, or what is no number")
    return MeasuredPhoto(
        photo=np.ascontiguousarray(bgr[..., ::-1]),
        perfusion=np.maximum(measured, 1e-3 * measured.max()),  # its logarithm is what is learnt
        keloid=read_masks(case, measured.shape)[KELOID],
        patient=case.patient,
    )
