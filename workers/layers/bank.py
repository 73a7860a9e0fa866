"""Bank: the sections that training draws from, in memory: simulated, and what people drew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shared.errors import ConfigurationError
from workers.layers.folder import DrawnSection, complete, read_section
from workers.layers.phantom import section
from workers.layers.preprocess import TRAINED_MICROMETRES, normalise
from workers.learning.folder import Folder, half_real, is_held_out
from workers.learning.grayscale import resize

CROP = 192
BATCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A normalised section (-127..127 for -1..1, to keep the bank small) and its labels."""

    pixels: npt.NDArray[np.int8]
    labels: npt.NDArray[np.uint8]


def bank(subjects: Sequence[int]) -> list[Example]:
    """Draw one section for each subject, once, so that training only crops."""
    return [
        Example(pixels=np.rint(normalise(one.pixels) * 127).astype(np.int8), labels=one.labels)
        for one in (section(subject) for subject in subjects)
    ]


def real_bank(sections: Folder) -> list[Example]:
    """Return the sections that people drew, at 1 um a pixel, of patients that are not held out.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    drawn = [read_section(one) for one in complete(sections) if not is_held_out(one.patient)]
    if not drawn:
        raise ConfigurationError("every patient of the folder is held out")
    return [_example(one) for one in drawn]


def batch(
    examples: list[Example], real: Sequence[Example], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return crops (BATCH, 1, CROP, CROP) float32 and labels (BATCH, CROP, CROP)."""
    chosen = half_real(examples, real, rng, BATCH)
    pixels, labels = zip(*(_crop(rng, one) for one in chosen), strict=True)
    return torch.from_numpy(np.stack(pixels))[:, None], torch.from_numpy(np.stack(labels))


def _example(one: DrawnSection) -> Example:
    rows, columns = one.labels.shape
    shape = (round(rows * one.spacing.row_mm * 1000), round(columns * one.spacing.column_mm * 1000))
    pixels = resize(normalise(one.pixels), shape)
    labels = cv2.resize(one.labels, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return Example(
        pixels=np.rint(pixels * 127).astype(np.int8), labels=np.asarray(labels, np.uint8)
    )


def _crop(
    rng: np.random.Generator, example: Example
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Cut, resize and disturb one window: pixel size, aspect, tilt, mirror, gain, gamma, noise."""
    rows, columns = example.labels.shape
    down, across = _pixel_size(rng)
    height, width = min(rows, int(CROP * down)), min(columns, int(CROP * across))
    # Most windows begin near the top: whole frames, which the model reads, show the surface.
    top = int((rows - height) * rng.uniform(0, 1) ** 3)
    left = int(rng.integers(columns - width + 1))
    window = np.s_[top : top + height, left : left + width]
    pixels = resize(example.pixels[window].astype(np.float32) * np.float32(1 / 127), (CROP, CROP))
    nearest = [((np.arange(CROP) + 0.5) * length / CROP).astype(int) for length in (height, width)]
    labels = example.labels[window][np.ix_(*nearest)]
    tilt = rng.normal(0, 0.06)
    shear = np.array([[1, 0, 0], [tilt, 1, -tilt * CROP / 2]], np.float32)
    pixels = _warp(pixels, shear, cv2.INTER_LINEAR)
    labels = _warp(labels, shear, cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    bright = np.maximum((pixels + 1) / 2, 0) ** np.exp(rng.normal(0, 0.25)) * 2 - 1
    bright = bright * rng.uniform(0.75, 1.15) + rng.uniform(-0.15, 0.15)
    noisy = bright + rng.uniform(0, 0.12) * rng.standard_normal(bright.shape)
    return np.clip(noisy, -1, 1).astype(np.float32), labels.astype(np.int64)


def _pixel_size(rng: np.random.Generator) -> tuple[float, float]:
    """Draw micrometres a pixel, down and across, from the sizes the model will resample to."""
    low, high = TRAINED_MICROMETRES
    down = np.exp(rng.uniform(np.log(low), np.log(high)))
    return float(down), float(np.clip(down * np.exp(rng.normal(0, 0.15)), low, high))


def _warp(picture: npt.NDArray[Any], move: npt.NDArray[np.float32], how: int) -> npt.NDArray[Any]:
    moved = cv2.warpAffine(
        picture, move, picture.shape[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved)
