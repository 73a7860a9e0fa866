"""Preprocessing: what kind of image this is, whether it can be used, and the network's tensor."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.contract import Image
from workers.learning.letterbox import Letterbox
from workers.perfusion.contrast import is_static
from workers.perfusion.spec import RAW_FRAMES

INPUT_SIZE = 256
SMALLEST_SIDE = 32


class Kind(StrEnum):
    """The three kinds of image that are read."""

    PHOTO = "photo"
    RAW = "raw laser speckle frames"
    MAP = "measured perfusion map"


def kind_of(image: Image) -> Kind:
    """Return the kind of ``image`` by the shape of its pixels."""
    if image.pixels.ndim == 4:
        return Kind.PHOTO
    return Kind.MAP if image.pixels.shape[0] == 1 else Kind.RAW


def why_not(image: Image) -> str:
    """Return why ``image`` cannot be analysed, or an empty string when it can."""
    pixels = image.pixels
    if min(pixels.shape[1:3]) < SMALLEST_SIDE:
        return f"smaller than {SMALLEST_SIDE} pixels"
    if not np.isfinite(pixels).all():
        return "not all pixels are numbers"
    if float(pixels.max()) <= 0:
        return "all black"
    if float(pixels[0].std()) < 1e-3 * float(np.abs(pixels[0]).max()):
        return "one value all over"
    return {Kind.PHOTO: _why_no_photo, Kind.RAW: _why_no_raw_frames, Kind.MAP: _why_no_map}[
        kind_of(image)
    ](image)


def photo_tensor(photo: npt.NDArray[np.uint8]) -> tuple[Tensor, Letterbox]:
    """Return ``photo`` (rows, columns, 3) as (1, 3, INPUT_SIZE, INPUT_SIZE) in 0-1."""
    box = Letterbox(rows=photo.shape[0], columns=photo.shape[1], size=INPUT_SIZE)
    channels_first = np.ascontiguousarray(box.pack(photo).transpose(2, 0, 1)[None])
    return torch.from_numpy(channels_first).float() / 255, box


def _why_no_photo(image: Image) -> str:
    if image.pixels.shape[0] != 1:
        return "more than one frame: not a single photo"
    return "all black" if float(image.pixels.max()) < 8 else ""


def _why_no_raw_frames(image: Image) -> str:
    if image.pixels.shape[0] < RAW_FRAMES:
        return f"fewer than {RAW_FRAMES} raw laser speckle frames"
    if is_static(image.pixels):
        return "the frames do not change: not a raw laser speckle sequence"
    return ""


def _why_no_map(image: Image) -> str:
    if image.pixels.dtype == np.uint8:
        return "a single frame of 8 bits: a screenshot, not a measured perfusion map"
    return ""
