"""Folder: real photos and what people drew on them."""

import argparse
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.learning.folder import Folder, FolderCase, folder_of, read_masks
from workers.segmentation.spec import KELOID, LESION, SKIN

SEGMENTS = (SKIN, LESION, KELOID)


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
    for number, mask in read_masks(case, bits.shape).items():
        bits |= mask.astype(np.uint8) << (number - 1)
        known |= 1 << (number - 1)
    return DrawnPhoto(image=np.ascontiguousarray(bgr[..., ::-1]), bits=bits, known=known)


def photos_of(given: argparse.Namespace) -> Folder | None:
    """Return the folder that the options name; masks without a folder are of lesions."""
    return folder_of(given, SEGMENTS, alone=LESION)
