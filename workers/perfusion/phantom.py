"""Phantom keloids: a close-up photo and the perfusion under it, both known exactly.

The photo shows blood; perfusion is blood times speed, and speed cannot be seen. ``rho`` says how
much of perfusion the photo tells: it sets the ceiling of any prediction. Perfusion ratios after
Liu et al. 2016 (keloid to normal skin 2.41, adjacent 1.33). No real patient is in here.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from workers.learning.skin_optics import Field, expose, noise, reflectance, shading

RHO = 0.85
NO_KELOID_SHARE = 0.12
_SKIN_PERFUSION = (50.0, 65.0)
"""Of healthy skin, arbitrary units: drawn for each subject, and nothing in the photo shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeloidPhantom:
    """``photo`` (size, size, 3) uint8 RGB, ``keloid`` bool, ``perfusion`` float32, about 40-200.

    ``knowable`` is as much of perfusion as the photo can tell: the ceiling of any prediction.
    """

    photo: npt.NDArray[np.uint8]
    keloid: npt.NDArray[np.bool_]
    perfusion: Field
    knowable: Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What sets a later visit of the same patient apart.

    ``remaining`` is the share of excess perfusion that is left, ``pigment`` the melanin that the
    keloid gained; another ``number`` has other light, camera and speed.
    """

    number: int = 0
    remaining: float = 1.0
    pigment: float = 0.0


FIRST_VISIT = Visit()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How far into the keloid a pixel is: inside 0-1, halo around it, rim at its border."""

    mask: npt.NDArray[np.bool_]
    inside: Field
    halo: Field
    rim: Field


def keloid(
    seed: int,
    size: int = 256,
    *,
    rho: float = RHO,
    with_keloid: bool | None = None,
    visit: Visit = FIRST_VISIT,
) -> KeloidPhantom:
    """Return the phantom of subject ``seed``; ``with_keloid`` is drawn when not given."""
    rng = np.random.default_rng([seed, 0xCE1])
    # Skin and shape are the patient's; light, camera and part of the speed are the visit's.
    today = np.random.default_rng([seed, 0xCE1, visit.number]) if visit.number else rng
    drawn = rng.random() >= NO_KELOID_SHARE
    shape = _shape(rng, size, present=drawn if with_keloid is None else with_keloid)
    visible, smooth = _log_blood(rng, size, shape, visit.remaining)
    hidden = _log_speed(rng, size, shape)
    if today is not rng:
        hidden = 0.6 * hidden + 0.8 * _log_speed(today, size, shape)
    told = rho * visible + (1 - rho) * smooth
    level = rng.uniform(*_SKIN_PERFUSION)
    return KeloidPhantom(
        photo=_photo(rng, today, size, shape, visible, pigment=visit.pigment),
        keloid=shape.mask,
        perfusion=np.asarray(level * np.exp(told + np.sqrt(1 - rho**2) * hidden), np.float32),
        knowable=np.asarray(np.mean(_SKIN_PERFUSION) * np.exp(told), np.float32),
    )


def _shape(rng: np.random.Generator, size: int, *, present: bool) -> _Shape:
    rows, columns = np.mgrid[0:size, 0:size] / size
    angle, centre = rng.uniform(0, np.pi), rng.uniform(0.35, 0.65, 2)
    down, right = rows - centre[0], columns - centre[1]
    along = right * np.cos(angle) + down * np.sin(angle)
    across = down * np.cos(angle) - right * np.sin(angle)
    length, width = rng.uniform(0.12, 0.34), rng.uniform(0.06, 0.16)
    lobes = 1 + rng.uniform(0, 0.35) * np.cos(3 * np.pi * along / length)
    away = np.hypot(along / length, across / (width * lobes)) - 1
    away = away + 0.10 * noise(rng, (size, size), size * 0.12, 3)
    if not present:
        away = np.full_like(away, 9.0)
    inside = 1 / (1 + np.exp(np.clip(away / 0.05, -30, 30)))
    halo = np.exp(-np.clip(away, 0, None) / 0.45) * (1 - inside)
    return _Shape(
        mask=np.asarray(away < 0, np.bool_),
        inside=np.asarray(inside, np.float32),
        halo=np.asarray(halo, np.float32),
        rim=np.asarray(np.exp(-((away / 0.22) ** 2)), np.float32),
    )


def _log_blood(
    rng: np.random.Generator, size: int, shape: _Shape, remaining: float
) -> tuple[Field, Field]:
    """Return log of blood as the photo shows it, and its smooth trend."""

    def field(period: float) -> Field:
        return noise(rng, (size, size), size * period, 3)

    stage = rng.choice([2.3, 1.8, 1.5], p=[0.56, 0.30, 0.14])  # progressive, stable, regressive
    excess = max(0.1, stage + rng.normal(0, 0.3) - 1) * remaining
    adjacent = 0.33 * rng.uniform(0.4, 1.6) * shape.halo
    smooth = np.log(1 + excess * shape.inside + adjacent)
    visible = np.log(1 + excess * shape.inside * (0.75 + 0.35 * shape.rim) + adjacent)
    patchy = shape.inside * (0.22 * field(0.06) + 0.20 * field(0.2))
    visible = visible + 0.10 * field(0.25) + patchy
    return visible, np.asarray(smooth, np.float32)


def _log_speed(rng: np.random.Generator, size: int, shape: _Shape) -> Field:
    """Return log of speed, which no photo shows."""
    patchy = 0.45 * noise(rng, (size, size), size * 0.1, 3) * shape.inside
    return patchy + 0.10 * noise(rng, (size, size), size * 0.2, 3)


def _photo(
    patient: np.random.Generator,
    rng: np.random.Generator,
    size: int,
    shape: _Shape,
    visible: Field,
    *,
    pigment: float,
) -> npt.NDArray[np.uint8]:
    spots = 1 + 0.1 * noise(patient, (size, size), size * 0.3)
    spots = spots + 0.03 * noise(patient, (size, size), 5, 1)
    melanin = patient.uniform(0.05, 1.2) * spots
    melanin = melanin + (patient.uniform(-0.05, 0.3) + pigment) * shape.inside
    blood = 0.22 * np.exp(visible) * rng.uniform(0.85, 1.15)
    colour = reflectance(np.asarray(melanin, np.float32), np.asarray(blood, np.float32))
    angle = rng.uniform(0, 2 * np.pi)
    bumps = 1 + 0.12 * noise(rng, (size, size), size * 0.08, 2)
    height = shape.inside * rng.uniform(2, 7) * bumps + 0.25 * noise(rng, (size, size), 6, 2)
    slope = shading(np.asarray(height, np.float32), (np.sin(angle), np.cos(angle)))
    gleam = np.clip(slope * 0.6 - rng.uniform(0.3, 0.7), 0, 1) * shape.inside * rng.uniform(0, 0.8)
    lit = colour * np.clip(1 + 0.22 * slope, 0.5, 1.6)[..., None] + gleam[..., None]
    lit = lit * _uneven_light(rng, size)[..., None]
    picture = expose(rng, np.asarray(lit, np.float32), noise_level=rng.uniform(0.004, 0.02))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], quality)
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(unpacked[..., ::-1], np.uint8)


def _uneven_light(rng: np.random.Generator, size: int) -> Field:
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    rows, columns = np.mgrid[0:size, 0:size] / size - 0.5
    ramp = 1 - strength * (0.5 + 0.7 * (rows * np.sin(angle) + columns * np.cos(angle)))
    return np.asarray(ramp, np.float32)
