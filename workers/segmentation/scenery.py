"""Scenery of the phantom photos: the body in front of the camera and what is behind it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.learning.skin_optics import Colour, Field, noise, reflectance


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The skin in view: where it is, how the light falls on it, and room for a lesion (pixels)."""

    inside: npt.NDArray[np.bool_]
    light: Field
    room: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limb:
    """A tapered capsule, in fractions of the image size."""

    start: tuple[float, float]
    end: tuple[float, float]
    start_radius: float
    end_radius: float


def draw_body(rng: np.random.Generator, size: int, view: str) -> Body:
    """Return the body as seen in ``view`` (close-up, mid shot or long shot)."""
    limbs = {"close-up": _patch, "mid shot": _one_limb, "long shot": _figure}[view](rng)
    depth = np.max([_depth(limb, size) for limb in limbs], axis=0)
    wobble = {"close-up": 0.05, "mid shot": 0.05, "long shot": 0.08}[view]
    depth = depth + wobble * noise(rng, (size, size), size * 0.25, 2)
    inside = depth > 0
    if view == "long shot":
        inside &= ~_clothing(rng, size)
    if not inside.any():
        inside = depth >= depth.max()
    bulge = np.sqrt(np.clip(1 - (1 - np.clip(depth, 0, 1)) ** 2, 0, 1))
    ambient = rng.uniform(0.5, 0.85)
    fall_off = _ramp(rng, size, rng.uniform(0, 0.35))
    light = (ambient + (1 - ambient) * bulge) * fall_off
    room = {"close-up": 0.42, "mid shot": 0.20, "long shot": 0.09}[view] * size
    return Body(inside=inside, light=np.asarray(light, np.float32), room=room)


def backdrop(rng: np.random.Generator, size: int, melanin: Field) -> Colour:
    """Return a procedural background: drape, stripes, wall, wood, or cloth near skin colour."""
    kind = rng.choice(["drape", "stripes", "checks", "wall", "wood", "beige"])
    base = rng.uniform(0.02, 0.9, 3) if kind != "wall" else np.full(3, rng.uniform(0.3, 0.95))
    if kind == "beige":
        blood = np.full_like(melanin, rng.uniform(0.0, 0.12))
        base = reflectance(melanin, blood).mean(axis=(0, 1)) * rng.uniform(0.6, 1.3)
    if kind == "drape":
        base = np.array([rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.5), rng.uniform(0.25, 0.6)])
    shape = (size, size)
    pattern = 0.15 * noise(rng, shape, size * 0.4) + 0.06 * noise(rng, shape, 6, 2)
    if kind in ("stripes", "checks", "wood"):
        pattern = pattern + _bands(rng, size, crossed=kind == "checks", wavy=kind == "wood")
    picture = np.clip(base * (1 + pattern[..., None]), 0.005, 1)
    return np.asarray(picture * _ramp(rng, size, rng.uniform(0, 0.4))[..., None], np.float32)


def _patch(rng: np.random.Generator) -> list[_Limb]:
    middle = rng.uniform(0.3, 0.7, 2)
    away = middle + rng.uniform(-0.2, 0.2, 2)
    radii = rng.uniform(0.4, 1.1, 2)
    return [_Limb(start=tuple(middle), end=tuple(away), start_radius=radii[0], end_radius=radii[1])]


def _one_limb(rng: np.random.Generator) -> list[_Limb]:
    angle, middle = rng.uniform(0, np.pi), rng.uniform(0.4, 0.6, 2)
    half = rng.uniform(0.5, 0.8) * np.array([np.sin(angle), np.cos(angle)])
    radii = rng.uniform(0.14, 0.32, 2)
    return [
        _Limb(
            start=tuple(middle - half),
            end=tuple(middle + half),
            start_radius=radii[0],
            end_radius=radii[1],
        )
    ]


def _figure(rng: np.random.Generator) -> list[_Limb]:
    """Return torso, head and arms of a person standing in the middle of the picture."""
    x, width = rng.uniform(0.4, 0.6), rng.uniform(0.10, 0.15)
    lean = rng.uniform(-0.05, 0.05)
    top, bottom = rng.uniform(0.3, 0.4), rng.uniform(0.75, 1.0)
    torso = _Limb(
        start=(top, x), end=(bottom, x + lean), start_radius=width, end_radius=width * 0.9
    )
    head = _Limb(
        start=(top - 0.2, x), end=(top - 0.14, x), start_radius=width * 0.6, end_radius=width * 0.55
    )
    arms = [
        _Limb(
            start=(top, x + side * width),
            end=(top + rng.uniform(0.2, 0.45), x + side * (width + rng.uniform(0.05, 0.25))),
            start_radius=0.055,
            end_radius=0.035,
        )
        for side in (-1, 1)
    ]
    return [torso, head, *arms]


def _depth(limb: _Limb, size: int) -> Any:
    """Return 1 on the axis of ``limb``, 0 at its border, negative outside."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    (row, column), (end_row, end_column) = limb.start, limb.end
    across, down = end_column - column, end_row - row
    length = max(across**2 + down**2, 1e-6)
    along = np.clip(((columns - column) * across + (rows - row) * down) / length, 0, 1)
    radius = limb.start_radius + along * (limb.end_radius - limb.start_radius)
    away = np.hypot(rows - row - along * down, columns - column - along * across)
    return (1 - away / radius).astype(np.float32)


def _clothing(rng: np.random.Generator, size: int) -> npt.NDArray[np.bool_]:
    """Return trousers: everything below a line somewhere under the chest, often none."""
    waist = rng.uniform(0.6, 1.2) * size
    rows = np.arange(size)[:, None] + 0.02 * size * noise(rng, (size, size), size * 0.3, 1)
    return np.asarray(rows > waist, np.bool_)


def _bands(rng: np.random.Generator, size: int, *, crossed: bool, wavy: bool) -> Any:
    rows, columns = np.mgrid[0:size, 0:size]
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.02, 0.12) * size
    bend = noise(rng, (size, size), size * 0.3, 2) * (0.15 * size if wavy else 0.01 * size)
    strength = rng.uniform(0.1, 0.45)
    phase = (rows * np.sin(angle) + columns * np.cos(angle) + bend) * 2 * np.pi / period
    bands = strength * np.sin(phase)
    if crossed:
        bands = bands + strength * np.sin(
            (rows * np.cos(angle) - columns * np.sin(angle) + bend) * 2 * np.pi / period
        )
    return bands


def _ramp(rng: np.random.Generator, size: int, strength: float) -> Field:
    """Return uneven light: 1 on one side, ``1 - strength`` on the other."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:size, 0:size] / size - 0.5
    ramp = 1 - strength * (0.5 + 0.7 * (rows * np.sin(angle) + columns * np.cos(angle)))
    return np.asarray(np.maximum(ramp, 0.2), np.float32)
