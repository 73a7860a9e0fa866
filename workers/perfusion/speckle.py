"""Speckle physics: from flow to the raw frames of a laser speckle camera.

The camera integrates a flickering speckle pattern for a time T. With decorrelation time τ and
x = T/τ, the contrast K (standard deviation over mean) obeys
K² = β (exp(-2x) - 1 + 2x) / (2x²): Bandyopadhyay et al., Rev Sci Instrum 2005;76:093110, eq. 9,
for g1 = exp(-t/τ) and without static scattering. For large x, 1/K² grows as x does, and so as flow.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from workers.learning.skin_optics import Field

EXPOSURES_PER_UNIT = 0.2
"""x of a perfusion of 1: a perfusion of 60 gives x = 12, K ≈ 0.2 at β = 0.5."""


def contrast(x: npt.NDArray[Any], beta: float = 1.0) -> Field:
    """Return K for ``x`` = exposure time / decorrelation time (> 0); 0 < ``beta`` ≤ 1."""
    wide = np.asarray(x, np.float64)
    return np.sqrt(beta * (np.expm1(-2 * wide) + 2 * wide) / (2 * wide**2)).astype(np.float32)


def exact_frame(
    rng: np.random.Generator, size: int, x: float, *, speckle: float = 2.0, steps: int = 64
) -> Field:
    """Return one frame (size, size) of mean about 1, by integrating the field itself.

    A complex Gaussian field behind a round pupil decorrelates as an AR(1) process. Slow: it is the
    reference for :func:`raw_frames`. ``speckle`` is the smallest speckle in pixels.
    """
    keep = np.exp(-x / steps)
    field = _pupil_field(rng, size, speckle)
    total = np.zeros((size, size))
    for _ in range(steps):
        total += np.abs(np.fft.ifft2(field)) ** 2
        field = keep * field + np.sqrt(1 - keep**2) * _pupil_field(rng, size, speckle)
    return np.asarray(total / total.mean(), np.float32)


def raw_frames(
    seed: int,
    perfusion: Field,
    *,
    frames: int = 12,
    beta: float = 0.5,
    speckle: float = 2.2,
    brightness: float = 110.0,
) -> npt.NDArray[np.uint8]:
    """Return raw frames (frames, rows, columns) of a camera looking at ``perfusion``.

    Fast: a speckle pattern is mapped to a Gamma distribution of the wanted contrast (Goodman:
    integrated speckle is nearly Gamma; Wilson-Hilferty for its quantiles). Uneven light, shot
    noise at 40 electrons a grey level, 8 bits.
    """
    rng = np.random.default_rng([seed, 0x15C])
    rows, columns = perfusion.shape
    looks = 1 / contrast(perfusion * EXPOSURES_PER_UNIT, beta) ** 2
    down, across = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    light = brightness * (1 - rng.uniform(0.05, 0.2) * (down**2 + across**2))
    side = max(rows, columns)
    pictures = []
    for _ in range(frames):
        pattern = np.abs(np.fft.ifft2(_pupil_field(rng, side, speckle)))[:rows, :columns] ** 2
        rank = ndtri(np.clip(-np.expm1(-pattern / pattern.mean()), 1e-6, 1 - 1e-6))
        gamma = np.maximum(1 - 1 / (9 * looks) + rank / np.sqrt(9 * looks), 0) ** 3
        counts = light * gamma
        counts = counts + rng.standard_normal(counts.shape) * np.sqrt(counts / 40)
        pictures.append(np.clip(counts, 0, 255).round().astype(np.uint8))
    return np.stack(pictures)


def _pupil_field(rng: np.random.Generator, size: int, speckle: float) -> Any:
    frequency = np.fft.fftfreq(size)
    pupil = frequency[:, None] ** 2 + frequency**2 < (0.5 / speckle) ** 2
    white = rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size))
    return white * pupil
