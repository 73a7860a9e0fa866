"""Phantom: simulated en-face confocal fields whose inflammation is known at every pixel.

The honeycomb of the granular and spinous layers is a Voronoi diagram of a jittered lattice. A
latent score 0..4 disorders the lattice, widens the borders (spongiosis), adds small bright round
cells (exocytosis) and, above 2.2, dark micro-vesicles: the confocal signs of contact dermatitis
(Actas Dermosifiliogr 2019 review). Cobblestones, bright spots, gain, vignetting, focus and speckle
do not depend on the score. The strength of each sign is plausible, not measured.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]

GRADES = 5
"""Grades 0 to 4."""

DRAWN_MICROMETRES = (0.4, 0.8)
"""Pixel sizes of the fields that are trained and tested on, in micrometres."""

_CELLS_PER_FIELD = (64.0**2, 0.25, 1.15)
"""Exocytosis: per this area in square micrometres, at score 0, and added per score**1.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One simulated field: ``pixels`` (rows, columns) uint8, ``score`` the same shape, 0..4."""

    micrometres_per_pixel: float
    pixels: npt.NDArray[np.uint8]
    score: npt.NDArray[np.float32]


def field(
    subject_seed: int,
    *,
    rows: int = 256,
    columns: int = 256,
    micrometres_per_pixel: float = 0.5,
    score: float | None = None,
) -> Field:
    """Return the field of subject ``subject_seed``; equal arguments, equal field.

    ``score`` makes the latent score the same everywhere; otherwise it is drawn and varies.
    """
    rng = np.random.default_rng(subject_seed)
    shape = (rows, columns)
    drawn = score_map(rng, shape, micrometres_per_pixel)
    latent = drawn if score is None else np.full(shape, float(score))
    bright = _honeycomb(rng, latent, micrometres_per_pixel)
    bright = _add_cells(rng, bright, latent, micrometres_per_pixel)
    bright = _add_vesicles(rng, bright, latent, micrometres_per_pixel)
    return Field(
        micrometres_per_pixel=micrometres_per_pixel,
        pixels=(np.clip(_optics(rng, bright), 0, 1) * 255).astype(np.uint8),
        score=latent.astype(np.float32),
    )


def score_map(
    rng: np.random.Generator, shape: tuple[int, int], micrometres_per_pixel: float
) -> Floats:
    """Draw a latent score that varies over some 100 micrometres, within 0..4."""
    grain = 110 / micrometres_per_pixel
    relief = _clouds(rng, shape, grain, octaves=1)
    return np.asarray(np.clip(rng.uniform(-0.4, 4.4) + rng.uniform(0, 1.1) * relief, 0, 4))


def _honeycomb(rng: np.random.Generator, latent: Floats, um: float) -> Floats:
    """Cells with bright borders and dark nuclei on a lattice that the score disorders."""
    points = _lattice(rng, latent, rng.uniform(11, 21) / um)
    rows, columns = np.indices(latent.shape)
    distance, nearest = cKDTree(points).query(
        np.stack([rows.ravel(), columns.ravel()], axis=1), k=2
    )
    near, far = (distance[:, one].reshape(latent.shape) * um for one in (0, 1))
    cell = nearest[:, 0].reshape(latent.shape)
    width = 0.55 * (1.1 + 0.55 * latent * rng.uniform(0.6, 1.4))
    border = np.exp(-(((far - near) / (2 * width)) ** 2))
    cytoplasm = rng.uniform(0.18, 0.38) * (1 + 0.35 * rng.standard_normal(len(points)))[cell]
    nucleus = np.exp(-((near / rng.uniform(2.6, 4.2)) ** 4))
    haze = 1 + 0.3 * _clouds(rng, latent.shape, 12 / um)
    bright = np.maximum(cytoplasm, 0.03) * (1 - rng.uniform(0.5, 0.9) * nucleus)
    bright = bright + border * rng.uniform(0.35, 0.75) * haze * (1 - 0.1 * latent)
    if rng.random() < 0.35:  # cobblestones: bright cytoplasm that says nothing of inflammation
        share = (rng.random(len(points)) < rng.uniform(0.1, 0.6))[cell]
        bright = bright + rng.uniform(0.1, 0.4) * np.exp(-((near / 3.5) ** 2)) * share
    return np.asarray(bright, dtype=np.float64)


def _lattice(rng: np.random.Generator, latent: Floats, pitch: float) -> Floats:
    """Return cell centres (n, 2) in pixels, well over the edge, jittered more where inflamed."""
    rows, columns = latent.shape
    margin = 2 * pitch
    points = np.array(
        [
            (row, column)
            for line, row in enumerate(np.arange(-margin, rows + margin, pitch * 0.87))
            for column in np.arange(-margin + (line % 2) * pitch / 2, columns + margin, pitch)
        ]
    )
    inside = np.clip(points, 0, (rows - 1, columns - 1)).astype(int)
    score = latent[inside[:, 0], inside[:, 1]]
    jitter = pitch * (0.07 + 0.055 * score * rng.uniform(0.7, 1.3))
    moved = points + rng.standard_normal(points.shape) * jitter[:, None]
    return np.asarray(moved, dtype=np.float64)


def _add_cells(rng: np.random.Generator, bright: Floats, latent: Floats, um: float) -> Floats:
    """Small bright round cells, more where the score is high, and some bright artefacts."""
    area, at_rest, added = _CELLS_PER_FIELD
    for row, column in _scatter(rng, (at_rest + added * latent**1.5) * um**2 / area):
        radius = rng.uniform(3.2, 6) / um
        axes = (radius * rng.uniform(0.8, 1.2), radius * rng.uniform(0.7, 1.1))
        _stamp(bright, _blob(rng, row, column, axes, 0.6 / um), rng.uniform(0.3, 0.9))
    for row, column in _scatter(rng, np.full(latent.shape, 0.06 * um**2 / area)):
        radius = rng.uniform(1.5, 3.5) / um
        _stamp(bright, _blob(rng, row, column, (radius, radius), 0.2 / um), rng.uniform(0.8, 1.5))
    return bright


def _add_vesicles(rng: np.random.Generator, bright: Floats, latent: Floats, um: float) -> Floats:
    """Dark round gaps where the score passes 2.2."""
    area, _, _ = _CELLS_PER_FIELD
    for row, column in _scatter(rng, np.maximum(latent - 2.2, 0) * 0.5 * um**2 / area):
        axes = (rng.uniform(6, 13) / um, rng.uniform(4.5, 10) / um)
        top, left, blob = _blob(rng, row, column, axes, 1 / um)
        part, cut = _overlap(bright, top, left, blob)
        part *= 1 - 0.75 * cut
    return bright


def _optics(rng: np.random.Generator, bright: Floats) -> Floats:
    """Vignetting, focus, speckle of 2 to 5 looks, detector noise and gain."""
    rows, columns = bright.shape
    shade = np.clip(1 + 0.5 * _clouds(rng, bright.shape, 0.8 * max(rows, columns), 1), 0.3, 2)
    seen = bright * shade * rng.uniform(0.6, 1.4)
    focus = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.8, 1.7))
    looks = rng.integers(2, 6)
    speckle = cv2.GaussianBlur(rng.gamma(looks, 1 / looks, bright.shape), (0, 0), 0.7)
    noise = rng.normal(0, rng.uniform(0.01, 0.04), bright.shape)
    return np.asarray((focus * speckle + noise) * rng.uniform(0.43, 0.75), dtype=np.float64)


def _scatter(rng: np.random.Generator, per_pixel: Floats) -> npt.NDArray[np.int_]:
    """Return (n, 2) rows and columns of a Poisson process with this rate at each pixel."""
    return np.argwhere(rng.random(per_pixel.shape) < per_pixel)


def _blob(
    rng: np.random.Generator, row: int, column: int, axes: tuple[float, float], blur: float
) -> tuple[int, int, Floats]:
    """Return top, left and picture of one soft ellipse of height 1, turned by chance."""
    reach = int(max(axes) + 3 * blur) + 1
    picture = np.zeros((2 * reach + 1, 2 * reach + 1))
    size = (max(1, round(axes[0])), max(1, round(axes[1])))
    cv2.ellipse(picture, (reach, reach), size, rng.uniform(0, 180), 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(picture, (0, 0), max(blur, 0.3)).astype(np.float64)
    return row - reach, column - reach, soft


def _stamp(bright: Floats, blob: tuple[int, int, Floats], strength: float) -> None:
    part, picture = _overlap(bright, *blob)
    part += strength * picture


def _overlap(bright: Floats, top: int, left: int, blob: Floats) -> tuple[Floats, Floats]:
    """Return the views of ``bright`` and ``blob`` that lie on each other."""
    rows, columns = bright.shape
    bottom, right = min(top + blob.shape[0], rows), min(left + blob.shape[1], columns)
    first, start = max(top, 0), max(left, 0)
    return (
        bright[first:bottom, start:right],
        blob[first - top : bottom - top, start - left : right - left],
    )


def _clouds(
    rng: np.random.Generator, shape: tuple[int, ...], grain: float, octaves: int = 3
) -> Floats:
    """Fractal noise whose largest grain is ``grain`` pixels; about SD 0.7 an octave."""
    rows, columns = shape[:2]
    total = np.zeros((rows, columns))
    for octave in range(octaves):
        size = (int(rows / grain * 2**octave) + 2, int(columns / grain * 2**octave) + 2)
        noise = cv2.resize(
            rng.standard_normal(size), (columns, rows), interpolation=cv2.INTER_CUBIC
        )
        total += noise / 2**octave
    return total
