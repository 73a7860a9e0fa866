"""Bank: the photos that training draws from, in memory: phantoms, and what people drew."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.errors import ConfigurationError
from workers.learning.folder import Folder, is_held_out
from workers.segmentation.crop import best_crop, whole
from workers.segmentation.folder import read_photo
from workers.segmentation.network import HEADS
from workers.segmentation.phantom import Disease, photo
from workers.segmentation.preprocess import CROP_SIZE, INPUT_SIZE, crop_pixels

PHOTO_SIZE = 320
"""Side of a phantom photo: more than the networks read, so that crops show real texture."""

_ALL = 7

Pixels = npt.NDArray[np.uint8]
_Example = tuple[Pixels, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classed:
    """What a classifier learns from: (N, CROP_SIZE, CROP_SIZE, 3) pixels, and their class."""

    pixels: Pixels
    malignant: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Photos and truth bits (1 skin, 2 lesion, 4 keloid), and which bits are known.

    ``crops`` and ``wholes`` are the photos of one of the two classes: their crops by the true
    masks, where there is one, and the same photos uncut.
    """

    images: Pixels
    truth: Pixels
    known: Pixels
    crops: Classed
    wholes: Classed

    def pick(self, rng: np.random.Generator, count: int) -> tuple[Pixels, Pixels, Pixels]:
        """Return so many photos by chance, their truth, and which of it is known."""
        chosen = rng.integers(len(self.images), size=count)
        return self.images[chosen], self.truth[chosen], self.known[chosen]


def draw_bank(subjects: Iterable[int]) -> Bank:
    """Return the phantoms of ``subjects``."""
    images, truth = [], []
    crops: list[_Example] = []
    wholes: list[_Example] = []
    for subject in subjects:
        one = photo(subject, PHOTO_SIZE)
        bits = one.skin * 1 + one.lesion * 2 + one.keloid * 4
        images.append(_small(one.image))
        truth.append(_small_bits(bits.astype(np.uint8)))
        if one.disease in (Disease.NONE, Disease.KELOID):
            continue
        malignant = one.disease is not Disease.ATOPIC_DERMATITIS
        wholes.append((crop_pixels(one.image, whole(*one.skin.shape)), malignant))
        crop = best_crop(one.skin, one.lesion)
        if crop is not None:
            crops.append((crop_pixels(one.image, crop), malignant))
    return Bank(
        images=np.stack(images),
        truth=np.stack(truth),
        known=np.full(len(images), _ALL, np.uint8),
        crops=_classed(crops),
        wholes=_classed(wholes),
    )


def read_bank(folder: Folder) -> Bank:
    """Return the photos in ``folder`` of patients that are not held out; without crops.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    found = [read_photo(one) for one in folder.cases() if not is_held_out(one.patient)]
    if not found:
        raise ConfigurationError("no photo to train on: each needs a mask of its name")
    return Bank(
        images=np.stack([_small(one.image) for one in found]),
        truth=np.stack([_small_bits(one.bits) for one in found]),
        known=np.array([one.known for one in found], np.uint8),
        crops=_classed([]),
        wholes=_classed([]),
    )


def as_tensors(pixels: Pixels) -> Tensor:
    """Return (N, rows, columns, 3) uint8 as (N, 3, rows, columns) float32 in 0-1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def heads(bits: Pixels) -> Tensor:
    """Return (N, 1, ...) truth bits as (N, 3, ...) float32, one channel a head."""
    one = torch.from_numpy(bits)
    return torch.cat([(one & 1 << head) > 0 for head in range(len(HEADS))], dim=1).float()


def _small(image: Pixels) -> Pixels:
    shape = (INPUT_SIZE, INPUT_SIZE)
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _small_bits(bits: Pixels) -> Pixels:
    shape = (INPUT_SIZE, INPUT_SIZE)
    return np.asarray(cv2.resize(bits, shape, interpolation=cv2.INTER_NEAREST), np.uint8)


def _classed(examples: list[_Example]) -> Classed:
    pixels = [one for one, _ in examples]
    shape = (len(pixels), CROP_SIZE, CROP_SIZE, 3)
    return Classed(
        pixels=np.array(pixels, np.uint8).reshape(shape),
        malignant=np.array([malignant for _, malignant in examples], np.bool_),
    )
