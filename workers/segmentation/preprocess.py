"""Preprocessing: which photos can be used, and the tensors that the networks read."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.contract import Image
from workers.learning.letterbox import Letterbox
from workers.segmentation.crop import Crop

INPUT_SIZE = 256
CROP_SIZE = 112
SMALLEST_SIDE = 32


def why_not(image: Image) -> str:
    """Return why ``image`` cannot be analysed, or an empty string when it can."""
    pixels = image.pixels
    if pixels.ndim != 4 or pixels.shape[-1] != 3:
        return "not a colour photo"
    if pixels.shape[0] != 1:
        return "more than one frame: not a single photo"
    if min(pixels.shape[1:3]) < SMALLEST_SIDE:
        return f"smaller than {SMALLEST_SIDE} pixels"
    if int(pixels.max()) < 8:
        return "all black"
    if float(pixels.std(axis=(0, 1, 2)).max()) < 1.0:
        return "one colour all over"
    return ""


def photo_tensor(photo: npt.NDArray[np.uint8]) -> tuple[Tensor, Letterbox]:
    """Return ``photo`` (rows, columns, 3) as (1, 3, INPUT_SIZE, INPUT_SIZE) in 0-1."""
    box = Letterbox(rows=photo.shape[0], columns=photo.shape[1], size=INPUT_SIZE)
    return as_tensor(box.pack(photo)), box


def crop_tensor(photo: npt.NDArray[np.uint8], crop: Crop) -> Tensor:
    """Return the ``crop`` of ``photo`` as (1, 3, CROP_SIZE, CROP_SIZE) in 0-1."""
    return as_tensor(crop_pixels(photo, crop))


def crop_pixels(photo: npt.NDArray[np.uint8], crop: Crop) -> npt.NDArray[np.uint8]:
    """Return the ``crop`` of ``photo`` as (CROP_SIZE, CROP_SIZE, 3) uint8."""
    part = photo[crop.y0 : crop.y1, crop.x0 : crop.x1]
    shrinks = min(part.shape[:2]) >= CROP_SIZE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (CROP_SIZE, CROP_SIZE), interpolation=how), np.uint8)


def as_tensor(pixels: npt.NDArray[Any]) -> Tensor:
    """Return ``pixels`` (rows, columns, 3) uint8 as (1, 3, rows, columns) float32 in 0-1."""
    channels_first = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
    return torch.from_numpy(channels_first).float() / 255
