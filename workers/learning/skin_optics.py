"""Skin optics: how skin looks to a camera, shared by the phantoms that need it. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
"""One number for every pixel: (rows, columns) float32."""

Colour = npt.NDArray[np.float32]
"""Linear reflectance 0-1, (rows, columns, 3) in order red, green, blue."""

# Optical density of bloodless, unpigmented skin, and what melanin and blood add to it, relative
# weights for red, green, blue. After Jacques, Phys Med Biol 2013;58:R37 (melanin absorption
# falls with wavelength, haemoglobin absorbs green most), tuned until the colours look like skin.
_BASE = np.array([0.22, 0.38, 0.50], np.float32)
_MELANIN = np.array([0.75, 1.25, 1.90], np.float32)
_BLOOD = np.array([0.30, 1.75, 1.25], np.float32)


def reflectance(melanin: Field, blood: Field) -> Colour:
    """Return the colour of skin with these amounts of melanin and blood.

    ``melanin`` runs from 0.05 (Fitzpatrick I) to about 1.6 (VI); ``blood`` is about 0.22 in
    healthy skin and 2 to 3 times that in inflamed skin or a growing keloid.
    """
    density = _BASE + np.maximum(melanin, 0)[..., None] * _MELANIN
    density = density + np.maximum(blood, 0)[..., None] * _BLOOD
    return np.exp(-density).astype(np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], period: float, octaves: int = 3
) -> Field:
    """Return fractal noise of mean about 0 and standard deviation about 1.

    ``period`` is the size of the largest structures, in pixels; each octave halves size and
    amplitude.
    """
    rows, columns = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(period / 2**octave, 1.0)
        total += _smooth_noise(rng, rows, columns, step) / np.float32(2**octave)
    # The sum of squared amplitudes; 0.45 is the spread that spline smoothing leaves of white noise.
    spread = 0.45 * np.sqrt(sum(0.25**octave for octave in range(octaves)))
    return np.asarray(total / spread, np.float32)


def shading(height: Field, light: tuple[float, float]) -> Field:
    """Return the slope of ``height`` (pixels) towards ``light`` (row, column), 0 where flat."""
    down, right = np.gradient(height)
    return np.asarray(down * light[0] + right * light[1], np.float32)


def expose(rng: np.random.Generator, linear: Colour, *, noise_level: float = 0.012) -> Any:
    """Return the picture a camera makes of ``linear``: (rows, columns, 3) uint8 sRGB-like.

    Exposure and white balance vary between pictures; gamma 2.2; Gaussian noise.
    """
    balance = 1 + 0.05 * rng.standard_normal(3)
    bright = float(np.percentile(linear, 99.5)) or 1.0
    picture = np.clip(linear * balance * rng.uniform(0.75, 1.05) / bright, 0, 1) ** (1 / 2.2)
    picture = picture + rng.normal(0, noise_level, picture.shape)
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int, step: float) -> Field:
    down, across = _spline(rng, rows, step), _spline(rng, columns, step)
    knots = rng.standard_normal((down.shape[1], across.shape[1])).astype(np.float32)
    return np.asarray(down @ knots @ across.T, np.float32)


def _spline(rng: np.random.Generator, length: int, step: float) -> Field:
    """Return cubic B-spline weights (length, knots) for knots ``step`` apart, random phase."""
    position = np.arange(length) / step + rng.uniform()
    knots = int(position[-1]) + 4
    away = np.abs(position[:, None] + 1 - np.arange(knots))
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.clip(2 - away, 0, None) ** 3 / 6
    return np.where(away < 1, near, far).astype(np.float32)
