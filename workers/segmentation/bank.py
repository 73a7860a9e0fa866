"""Bank: the photos that training draws from, in memory: phantoms, and what people drew."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import ConfigurationError
from workers.segmentation.crop import best_crop
from workers.segmentation.folder import Folder, is_held_out, read_photo
from workers.segmentation.phantom import Disease, Photo, photo
from workers.segmentation.preprocess import CROP_SIZE, INPUT_SIZE, crop_pixels

PHOTO_SIZE = 320
"""Side of a phantom photo: more than the networks read, so that crops show real texture."""

_ALL = 7

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Photos and truth bits (1 skin, 2 lesion, 4 keloid), which bits are known; crops and class."""

    images: Pixels
    truth: Pixels
    known: Pixels
    crops: Pixels
    malignant: npt.NDArray[np.bool_]

    def pick(self, rng: np.random.Generator, count: int) -> tuple[Pixels, Pixels, Pixels]:
        """Return so many photos by chance, their truth, and which of it is known."""
        chosen = rng.integers(len(self.images), size=count)
        return self.images[chosen], self.truth[chosen], self.known[chosen]


def draw_bank(subjects: range) -> Bank:
    """Return the phantoms of ``subjects``; a crop for each that has one and is no keloid."""
    images, truth, crops, malignant = [], [], [], []
    for subject in subjects:
        one = photo(subject, PHOTO_SIZE)
        bits = one.skin * 1 + one.lesion * 2 + one.keloid * 4
        images.append(_small(one.image))
        truth.append(_small_bits(bits.astype(np.uint8)))
        crop = _classifiable_crop(one)
        if crop is not None:
            crops.append(crop)
            malignant.append(one.disease is not Disease.ATOPIC_DERMATITIS)
    return Bank(
        images=np.stack(images),
        truth=np.stack(truth),
        known=np.full(len(images), _ALL, np.uint8),
        crops=np.stack(crops),
        malignant=np.array(malignant),
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
        crops=np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8),
        malignant=np.zeros(0, np.bool_),
    )


def _small(image: Pixels) -> Pixels:
    shape = (INPUT_SIZE, INPUT_SIZE)
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _small_bits(bits: Pixels) -> Pixels:
    shape = (INPUT_SIZE, INPUT_SIZE)
    return np.asarray(cv2.resize(bits, shape, interpolation=cv2.INTER_NEAREST), np.uint8)


def _classifiable_crop(one: Photo) -> Pixels | None:
    crop = best_crop(one.skin, one.lesion)
    if crop is None or one.disease is Disease.KELOID:
        return None
    return crop_pixels(one.image, crop)
