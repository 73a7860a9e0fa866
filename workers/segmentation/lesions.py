"""Lesions of the phantom photos: what each disease does to blood, melanin, relief and surface.

Colours come from one range for all diseases. Atopic dermatitis has faded borders, a lichenified
grid and scratches; mycosis fungoides sharp, often ring-shaped plaques with fine scale; impetigo
honey-yellow crusts with satellites; eczema herpeticum grouped small vesicles; a keloid is a raised,
glossy plaque with claw-like borders, a red rim and a paler centre.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.learning.skin_optics import Field, noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """What a lesion changes, all (size, size): factors of blood, added melanin, height in pixels.

    ``gloss`` is how much of a highlight shows (0-1); ``crust`` how much of ``crust_colour``
    (3 reflectances) covers the skin.
    """

    inside: npt.NDArray[np.bool_]
    blood: Field
    melanin: Field
    height: Field
    gloss: Field
    crust: Field
    crust_colour: npt.NDArray[np.float32]


def paint_lesion(
    rng: np.random.Generator, size: int, disease: str, centre: tuple[float, float], room: float
) -> Lesion:
    """Return the lesion of ``disease`` around ``centre`` (row, column), radius up to ``room``."""
    if disease == "none":
        return _healthy(size)
    radius = room * rng.uniform(0.45, 0.95)
    paint = {
        "keloid": _keloid,
        "atopic dermatitis": _atopic_dermatitis,
        "mycosis fungoides": _mycosis_fungoides,
        "impetigo": _impetigo,
        "eczema herpeticum": _herpes,
    }[disease]
    return paint(rng, size, centre, max(radius, 6.0))


def _keloid(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Lesion:
    angle, narrow = rng.uniform(0, np.pi), rng.uniform(0.25, 0.7)
    along, across = _axes(size, centre, radius, angle)
    lobes = 1 + 0.5 * rng.uniform(0, 0.7) * np.cos(3 * np.pi * along)
    away = np.sqrt(along**2 + (across / (narrow * np.maximum(lobes, 0.4))) ** 2) - 1
    away = away + 0.14 * noise(rng, (size, size), max(radius * 0.5, 6), 3)
    inside = _soft(away, 0.05)
    rim = np.exp(-((away / 0.25) ** 2)) * inside
    halo = np.exp(-np.clip(away, 0, None) / 0.4) * (1 - inside)
    blood = 1 + inside * _flush(rng) * (0.65 + 0.6 * rim) + rng.uniform(0.1, 0.3) * halo
    melanin = inside * rng.uniform(-0.1, 0.35)
    height = inside * rng.uniform(3, 8) * (1 + 0.15 * noise(rng, (size, size), radius * 0.4, 2))
    return _lesion(away, blood, melanin, height, gloss=inside * rng.uniform(0.5, 1))


def _atopic_dermatitis(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Lesion:
    away = _patches(rng, size, centre, radius, int(rng.integers(1, 4)), rough=0.35)
    inside = _soft(away, rng.uniform(0.12, 0.28))
    mottled = np.clip(1 + 0.3 * noise(rng, (size, size), radius * 0.3), 0.2, 2)
    grid = _grid(rng, size) * inside * rng.uniform(0.5, 1.0)
    scratches = _scratches(rng, size, centre, radius) * inside
    blood = 1 + inside * _flush(rng) * mottled + 1.5 * scratches
    melanin = inside * rng.uniform(-0.05, 0.35) + 0.15 * np.clip(-grid, 0, 1)
    return _lesion(away, blood, melanin, 1.3 * grid, gloss=0.1 * inside)


def _mycosis_fungoides(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Lesion:
    away = _patches(rng, size, centre, radius, int(rng.integers(1, 5)), rough=0.12)
    inside = _soft(away, 0.03)
    ring = np.exp(-(((away + 0.15) / 0.18) ** 2)) * inside
    annular = rng.random() < 0.6
    strength = (0.45 * inside + 0.7 * ring) if annular else inside
    blood = 1 + strength * _flush(rng)
    melanin = inside * rng.uniform(-0.05, 0.35)
    flakes = np.clip(noise(rng, (size, size), 5, 2) - 0.9, 0, 1) * inside * rng.uniform(0.2, 0.7)
    height = inside * rng.uniform(0.8, 2) + 0.5 * inside * noise(rng, (size, size), 4, 1)
    return _lesion(away, blood, melanin, height, crust=flakes, crust_colour=(0.75, 0.72, 0.68))


def _impetigo(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Lesion:
    away = _patches(rng, size, centre, radius, int(rng.integers(4, 11)), rough=0.18, spread=0.9)
    inside = _soft(away, 0.05)
    lumps = noise(rng, (size, size), max(radius * 0.18, 5), 2)
    crust = _soft(away + 0.25 - 0.15 * lumps, 0.06) * rng.uniform(0.6, 0.95)
    blood = 1 + inside * _flush(rng)
    melanin = inside * rng.uniform(-0.05, 0.35)
    height = crust * (2.5 + 1.2 * lumps)
    return _lesion(
        away,
        blood,
        melanin,
        height,
        gloss=crust * 0.3,
        crust=crust,
        crust_colour=(0.62, 0.40, 0.12),
    )


def _herpes(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Lesion:
    away = _patches(rng, size, centre, radius, int(rng.integers(1, 4)), rough=0.2)
    inside = _soft(away, 0.10)
    bumps = np.zeros((size, size), np.float32)
    small = max(2.0, radius * rng.uniform(0.05, 0.10))
    rows, columns = np.nonzero(away < -0.1)
    for _ in range(int(rng.integers(12, 45)) if len(rows) else 0):
        chosen = rng.integers(len(rows))
        spot = (int(columns[chosen]), int(rows[chosen]))
        cv2.circle(bumps, spot, int(np.ceil(small * rng.uniform(0.7, 1.3))), 1.0, -1, cv2.LINE_AA)
    bumps = np.asarray(cv2.GaussianBlur(bumps, (0, 0), max(small * 0.35, 0.6)), np.float32)
    blood = 1 + inside * _flush(rng) * (1 - 0.5 * bumps)
    melanin = inside * rng.uniform(-0.05, 0.35)
    eroded = rng.uniform(0.15, 0.4)
    return _lesion(
        away,
        blood,
        melanin,
        bumps * small * 1.2,
        gloss=bumps,
        crust=bumps * eroded,
        crust_colour=(0.55, 0.40, 0.32),
    )


def _healthy(size: int) -> Lesion:
    zero = np.zeros((size, size), np.float32)
    return _lesion(zero + 1, zero + 1, zero, zero)


def _lesion(
    away: Any,
    blood: Any,
    melanin: Any,
    height: Any,
    *,
    gloss: Any = 0.0,
    crust: Any = 0.0,
    crust_colour: tuple[float, float, float] = (0, 0, 0),
) -> Lesion:
    zero = np.zeros(away.shape, np.float32)
    return Lesion(
        inside=np.asarray(away < 0, np.bool_),
        blood=np.asarray(np.maximum(blood, 0.1), np.float32),
        melanin=np.asarray(melanin, np.float32),
        height=np.asarray(height, np.float32),
        gloss=np.asarray(zero + gloss, np.float32),
        crust=np.asarray(np.clip(zero + crust, 0, 1), np.float32),
        crust_colour=np.array(crust_colour, np.float32),
    )


def _flush(rng: np.random.Generator) -> float:
    """Return how much more blood there is than in healthy skin: one range for all diseases."""
    return float(rng.uniform(0.6, 1.9))


def _soft(away: Any, width: float) -> Any:
    return 1 / (1 + np.exp(np.clip(away / width, -30, 30)))


def _axes(size: int, centre: tuple[float, float], radius: float, angle: float) -> tuple[Any, Any]:
    rows, columns = np.mgrid[0:size, 0:size]
    down, right = (rows - centre[0]) / radius, (columns - centre[1]) / radius
    sin, cos = np.sin(angle), np.cos(angle)
    return right * cos + down * sin, down * cos - right * sin


def _patches(
    rng: np.random.Generator,
    size: int,
    centre: tuple[float, float],
    radius: float,
    count: int,
    *,
    rough: float,
    spread: float = 0.7,
) -> Any:
    """Return the signed distance, in patch radii, to the nearest of ``count`` wobbly ellipses."""
    away = np.full((size, size), np.inf, np.float32)
    for number in range(count):
        far = 0.0 if number == 0 else rng.uniform(0.2, spread) * radius
        angle = rng.uniform(0, 2 * np.pi)
        middle = (centre[0] + far * np.sin(angle), centre[1] + far * np.cos(angle))
        own = radius * (rng.uniform(0.6, 1) if count == 1 else rng.uniform(0.25, 0.6))
        along, across = _axes(size, middle, own, rng.uniform(0, np.pi))
        away = np.minimum(away, np.hypot(along, across / rng.uniform(0.55, 1)) - 1)
    return away + rough * 0.5 * noise(rng, (size, size), max(radius * 0.6, 8), 3)


def _grid(rng: np.random.Generator, size: int) -> Any:
    """Return lichenification: thickened skin lines in two crossing directions, about -1 to 1."""
    rows, columns = np.mgrid[0:size, 0:size]
    bend = noise(rng, (size, size), size * 0.2, 2) * size * 0.015
    angle, period = rng.uniform(0, np.pi), size * rng.uniform(0.022, 0.04)
    total = np.zeros((size, size))
    for turn in (0.0, rng.uniform(1.0, 1.6)):
        along = rows * np.sin(angle + turn) + columns * np.cos(angle + turn)
        total += np.abs(np.sin((along + bend) * np.pi / period))
    return total - 1.0


def _scratches(
    rng: np.random.Generator, size: int, centre: tuple[float, float], radius: float
) -> Any:
    marks = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(0, 8))):
        start = np.array(centre[::-1]) + rng.uniform(-0.7, 0.7, 2) * radius
        angle = rng.uniform(0, np.pi)
        end = start + radius * rng.uniform(0.1, 0.4) * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(marks, tuple(map(int, start)), tuple(map(int, end)), 1.0, 1, cv2.LINE_AA)
    return cv2.GaussianBlur(marks, (0, 0), 0.7)
