"""Phantom: simulated LC-OCT sections of skin whose layers are known exactly.

A vertical section is drawn in four steps: anatomy (three ordered boundaries), tissue (what each
layer reflects), optics (attenuation, blur, speckle, noise) and display (logarithm, 8 bit).
Geometry after Daxenberger et al., Cancers 2023;15:4457 (LC-OCT: 1.2 mm x 0.5 mm, about 1 um a
pixel); reflectivity and attenuation are plausible values, not measured ones.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from workers.layers.tissue import reflectivity

Kind = Literal["healthy", "pigmented", "inflamed", "keratosis"]
Floats = npt.NDArray[np.float64]

_ATTENUATION_PER_UM = ((0.0, 0.0), (0.004, 0.01), (0.0015, 0.004), (0.003, 0.0075))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """The boundaries of a section: depth in micrometres at each micrometre of width."""

    kind: Kind
    surface: Floats
    corneum_bottom: Floats
    junction: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One simulated section with its truth.

    ``pixels`` (rows, columns) uint8; ``labels`` (rows, columns) uint8 with 0 gel, 1 stratum
    corneum, 2 viable epidermis, 3 dermis; boundaries in rows (sub-pixel), one per column;
    ``disrupted`` (columns,) bool, true where the junction's contrast was taken away.
    """

    kind: Kind
    micrometres_per_pixel: float
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    surface: Floats
    corneum_bottom: Floats
    junction: Floats
    disrupted: npt.NDArray[np.bool_]


def section(
    subject_seed: int,
    *,
    rows: int = 500,
    columns: int = 1200,
    micrometres_per_pixel: float = 1.0,
    kind: Kind | None = None,
) -> Section:
    """Return the section of subject ``subject_seed``; equal arguments, equal section."""
    rng = np.random.default_rng(subject_seed)
    width = round(columns * micrometres_per_pixel)
    found = anatomy(rng, width, kind or _draw_kind(rng))
    return render(rng, rng, found, rows, columns, micrometres_per_pixel=micrometres_per_pixel)


def stack(
    subject_seed: int,
    *,
    frames: int,
    rows: int = 256,
    columns: int = 512,
    micrometres_per_pixel: float = 2.0,
    kind: Kind | None = None,
) -> tuple[Section, ...]:
    """Return ``frames`` sections of one subject whose anatomy changes smoothly between them."""
    rng = np.random.default_rng(subject_seed)
    width = round(columns * micrometres_per_pixel)
    kind = kind or _draw_kind(rng)
    first, last = anatomy(rng, width, kind), anatomy(rng, width, kind)
    return tuple(
        # Tissue and gain stay from frame to frame; speckle is new in each.
        render(
            np.random.default_rng((subject_seed, 1)),
            rng,
            _between(first, last, share),
            rows,
            columns,
            micrometres_per_pixel=micrometres_per_pixel,
        )
        for share in np.linspace(0.0, 0.5, frames)
    )


def anatomy(rng: np.random.Generator, width: int, kind: Kind) -> Anatomy:
    """Draw the three boundaries of a section ``width`` micrometres wide."""
    x = np.arange(width)
    surface = (
        rng.uniform(25, 110)
        + _wander(rng, width, rng.uniform(120, 300)) * rng.uniform(2, 14)
        + _wander(rng, width, 12) * rng.uniform(0.3, 2)
    )
    for _ in range(rng.integers(0, 4)):  # furrows
        surface += rng.uniform(5, 30) * _bell(x, rng.uniform(0, width), rng.uniform(8, 30))
    surface = np.maximum(surface, 4.0)
    hyperkeratosis = 2.2 if kind == "keratosis" and rng.random() < 0.6 else 1.0
    corneum = rng.uniform(9, 24) * hyperkeratosis * np.exp(0.18 * _wander(rng, width, 40))
    corneum_bottom = surface + np.maximum(corneum, 4)
    thick = 1.6 if kind in ("inflamed", "keratosis") else 1.0
    epidermis = rng.uniform(38, 70) * thick * np.exp(0.12 * _wander(rng, width, 120))
    relief = _relief(rng, x, kind)
    junction = np.maximum(corneum_bottom + epidermis + relief, corneum_bottom + 12)
    return Anatomy(kind=kind, surface=surface, corneum_bottom=corneum_bottom, junction=junction)


def render(
    rng: np.random.Generator,
    noise: np.random.Generator,
    found: Anatomy,
    rows: int,
    columns: int,
    *,
    micrometres_per_pixel: float,
) -> Section:
    """Draw the picture of ``found``: 1 um a pixel first, then resized to what was asked.

    ``rng`` draws tissue and gain, ``noise`` speckle and detector noise.
    """
    height = round(rows * micrometres_per_pixel)
    width = len(found.surface)
    depth = np.arange(height)[:, None]
    labels = _labels(depth, found.surface, found.corneum_bottom, found.junction)
    bright = reflectivity(rng, labels, found.surface, found.corneum_bottom, found.junction)
    if found.kind == "pigmented":
        bright = _add_basal_pigment(rng, bright, depth, found)
    bright, disrupted = _disrupt(rng, bright, depth, found.junction)
    picture = _display(rng, _optics(rng, noise, bright, labels), found.surface)
    pixels = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    if (height, width) != (rows, columns):
        pixels = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8)
    centres = (np.arange(columns) + 0.5) * width / columns - 0.5
    surface, corneum_bottom, junction = (
        # Row r of the small picture is centred on (r + 0.5) * scale - 0.5 of the large one.
        (np.interp(centres, np.arange(width), line) + 0.5) / micrometres_per_pixel - 0.5
        for line in (found.surface, found.corneum_bottom, found.junction)
    )
    return Section(
        kind=found.kind,
        micrometres_per_pixel=micrometres_per_pixel,
        pixels=pixels,
        labels=_labels(np.arange(rows)[:, None], surface, corneum_bottom, junction),
        surface=surface,
        corneum_bottom=corneum_bottom,
        junction=junction,
        disrupted=np.interp(centres, np.arange(width), disrupted) > 0.5,
    )


def _draw_kind(rng: np.random.Generator) -> Kind:
    kinds: tuple[Kind, ...] = get_args(Kind)
    return kinds[rng.integers(len(kinds))]


def _between(first: Anatomy, last: Anatomy, share: float) -> Anatomy:
    return Anatomy(
        kind=first.kind,
        surface=(1 - share) * first.surface + share * last.surface,
        corneum_bottom=(1 - share) * first.corneum_bottom + share * last.corneum_bottom,
        junction=(1 - share) * first.junction + share * last.junction,
    )


def _relief(rng: np.random.Generator, x: npt.NDArray[np.int_], kind: Kind) -> Floats:
    """Papillae push the junction up; buds of a keratosis push it down. Mean of papillae is 0."""
    width = len(x)
    papillae = np.zeros(width)
    amplitude = rng.uniform(2, 38) * (0.5 if kind == "inflamed" else 1.0)
    centre = rng.uniform(-60, 0)
    while centre < width + 60:
        half = rng.uniform(10, 26)
        papillae -= amplitude * rng.uniform(0.5, 1.4) * _bell(x, centre, half, 2.6)
        centre += half * rng.uniform(2.4, 5)
    relief = papillae - papillae.mean()
    if kind == "keratosis" or rng.random() < 0.1:
        for _ in range(rng.integers(1, 5)):
            bud = rng.uniform(25, 95)
            relief += bud * _bell(x, rng.uniform(0, width), rng.uniform(12, 32), 3.0)
    return np.asarray(relief, dtype=np.float64)


def _add_basal_pigment(
    rng: np.random.Generator, bright: Floats, depth: npt.NDArray[np.int_], found: Anatomy
) -> Floats:
    """Melanin makes the basal row bright, which mimics the junction one cell too high."""
    inside = (depth >= found.corneum_bottom) & (depth < found.junction)
    above = (found.junction - depth) / np.maximum(found.junction - found.corneum_bottom, 1)
    pigment = rng.uniform(0.35, 0.9) * np.exp(-((above / 0.16) ** 2))
    return np.where(inside, bright + pigment, bright)


def _disrupt(
    rng: np.random.Generator, bright: Floats, depth: npt.NDArray[np.int_], junction: Floats
) -> tuple[Floats, Floats]:
    """Take the junction's contrast away in one nest, in a quarter of the sections."""
    x = np.arange(len(junction))
    if rng.random() >= 0.25:
        return bright, np.zeros(len(junction))
    across = _bell(x, rng.uniform(0, len(x)), rng.uniform(21, 64))
    nest = across * np.exp(-(((depth - junction) / rng.uniform(15, 30)) ** 2))
    filling = rng.uniform(0.25, 0.6) * np.exp(0.3 * rng.standard_normal(bright.shape))
    return bright * (1 - 0.85 * nest) + 0.85 * nest * filling, across


def _optics(
    rng: np.random.Generator,
    noise: np.random.Generator,
    bright: Floats,
    labels: npt.NDArray[np.uint8],
) -> Floats:
    """Return the intensity: attenuated both ways, shadowed, blurred, with speckle and noise."""
    per_um = np.array([rng.uniform(*limits) for limits in _ATTENUATION_PER_UM])
    seen = bright * np.exp(-2 * np.cumsum(per_um[labels], axis=0))
    x = np.arange(labels.shape[1])
    for _ in range(rng.integers(0, 4)):  # shadows of hair and scale
        seen *= 1 - rng.uniform(0.3, 0.85) * _bell(x, rng.uniform(0, len(x)), rng.uniform(3, 25))
    blurred = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.5, 1.1)).astype(np.float64)
    looks = rng.integers(1, 4)
    speckle = sum(_speckle(noise, labels.shape) for _ in range(looks)) / looks
    floor = rng.uniform(0.0004, 0.004) * noise.exponential(1.0, labels.shape)
    return np.asarray(blurred * speckle + floor, dtype=np.float64)


def _speckle(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Fully developed speckle, mean 1: squared modulus of a band-limited complex field."""
    x, y = (
        cv2.GaussianBlur(
            rng.standard_normal(shape, dtype=np.float32),
            (0, 0),
            sigmaX=rng.uniform(0.6, 1.1),
            sigmaY=rng.uniform(0.5, 0.9),
        )
        for _ in range(2)
    )
    power = (x * x + y * y).astype(np.float64)
    return np.asarray(power / power.mean(), dtype=np.float64)


def _display(rng: np.random.Generator, intensity: Floats, surface: Floats) -> Floats:
    """Logarithmic display of 28 to 42 dB, with glass reflections and a gamma, in 0..1."""
    decibel = 10 * np.log10(intensity + 1e-7)
    span = rng.uniform(28, 42)
    picture = np.clip((decibel - np.percentile(decibel, 99.7) + span) / span, 0, 1)
    for _ in range(rng.integers(0, 3)):
        row = int(rng.uniform(0, surface.min() + 1))
        picture[row : row + 2] += rng.uniform(0.02, 0.15)
    return np.asarray(picture ** rng.uniform(0.8, 1.3), dtype=np.float64)


def _labels(
    depth: npt.NDArray[np.int_], surface: Floats, corneum_bottom: Floats, junction: Floats
) -> npt.NDArray[np.uint8]:
    ordered = (surface, corneum_bottom, junction)
    return np.asarray(sum((depth >= line).astype(np.uint8) for line in ordered), dtype=np.uint8)


def _wander(rng: np.random.Generator, length: int, scale: float) -> Floats:
    """Smooth noise, mean 0, SD 1, correlated over about ``scale`` samples."""
    reach = int(3 * scale)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / scale) ** 2)
    noise = rng.standard_normal(length + 2 * reach)
    return np.convolve(noise, kernel / np.sqrt((kernel**2).sum()), "valid")


def _bell(x: npt.NDArray[np.int_], centre: float, half: float, power: float = 2.0) -> Floats:
    return np.asarray(np.exp(-0.5 * np.abs((x - centre) / half) ** power), dtype=np.float64)
