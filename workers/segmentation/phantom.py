"""Phantom photos: procedural clinical pictures whose skin, lesion and keloid are known exactly.

Everything is drawn from one seed, one seed a subject. Diseases share their colour ranges, so that
only border, texture and shape tell them apart. No real patient and no real photo is in here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.learning.skin_optics import Field, expose, noise, reflectance, shading
from workers.segmentation.lesions import Lesion, paint_lesion
from workers.segmentation.scenery import Body, backdrop, draw_body


class Disease(StrEnum):
    """What the subject has. The last three are the class "malignant disease or complication"."""

    NONE = "none"
    KELOID = "keloid"
    ATOPIC_DERMATITIS = "atopic dermatitis"
    MYCOSIS_FUNGOIDES = "mycosis fungoides"
    IMPETIGO = "impetigo"
    HERPES = "eczema herpeticum"


class View(StrEnum):
    """How far away the camera was."""

    CLOSE = "close-up"
    MID = "mid shot"
    LONG = "long shot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A phantom photo with its truth; ``keloid`` ⊂ ``lesion`` ⊂ ``skin``.

    ``image`` is (size, size, 3) uint8 RGB, the masks are (size, size) bool.
    """

    image: npt.NDArray[np.uint8]
    skin: npt.NDArray[np.bool_]
    lesion: npt.NDArray[np.bool_]
    keloid: npt.NDArray[np.bool_]
    disease: Disease
    view: View


_DISEASES = list(Disease)
_DISEASE_SHARES = [0.08, 0.26, 0.33, 0.12, 0.11, 0.10]
_VIEWS = list(View)
_VIEW_SHARES = [0.45, 0.35, 0.20]


def photo(
    seed: int, size: int = 256, *, disease: Disease | None = None, view: View | None = None
) -> Photo:
    """Return the photo of subject ``seed``; ``disease`` and ``view`` are drawn when not given."""
    rng = np.random.default_rng([seed, 0x5E6])
    drawn_disease = _DISEASES[rng.choice(len(_DISEASES), p=_DISEASE_SHARES)]
    drawn_view = _VIEWS[rng.choice(len(_VIEWS), p=_VIEW_SHARES)]
    disease, view = disease or drawn_disease, view or drawn_view

    body = draw_body(rng, size, view.value)
    skin_melanin = _melanin(rng, size)
    lesion = _lesion(rng, size, body, disease)
    surface = _shaded_skin(rng, body, lesion, skin_melanin)
    scene = np.where(body.inside[..., None], surface, backdrop(rng, size, skin_melanin))
    image = _shoot(rng, _add_hair_and_moles(rng, scene, body.inside))
    mask = lesion.inside & body.inside
    return Photo(
        image=image,
        skin=body.inside,
        lesion=mask,
        keloid=mask & np.bool_(disease is Disease.KELOID),
        disease=disease,
        view=view,
    )


def _melanin(rng: np.random.Generator, size: int) -> Field:
    base = float(
        rng.choice([rng.uniform(0.05, 0.35), rng.uniform(0.35, 0.8), rng.uniform(0.8, 1.6)])
    )
    spots = 1 + 0.10 * noise(rng, (size, size), size * 0.3) + 0.03 * noise(rng, (size, size), 5, 1)
    return np.asarray(base * spots, np.float32)


def _lesion(rng: np.random.Generator, size: int, body: Body, disease: Disease) -> Lesion:
    return paint_lesion(rng, size, disease.value, *_place(rng, body))


def _place(rng: np.random.Generator, body: Body) -> tuple[tuple[float, float], float]:
    """Return a centre (row, column) well inside the skin, and how much room is around it."""
    depth = cv2.distanceTransform(np.pad(body.inside, 1).astype(np.uint8), cv2.DIST_L2, 3)
    depth = depth[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= 0.6 * depth.max())
    chosen = rng.integers(len(rows))
    return (float(rows[chosen]), float(columns[chosen])), min(float(depth.max()), body.room)


def _shaded_skin(rng: np.random.Generator, body: Body, lesion: Lesion, melanin: Field) -> Any:
    shape = melanin.shape
    blood = 0.22 * (1 + 0.12 * noise(rng, shape, shape[0] * 0.2)) * lesion.blood
    colour = reflectance(melanin + lesion.melanin, np.asarray(blood, np.float32))
    colour = colour * (1 - lesion.crust[..., None]) + lesion.crust_colour * lesion.crust[..., None]
    angle = rng.uniform(0, 2 * np.pi)
    relief = lesion.height + 0.25 * noise(rng, shape, 6, 2)
    slope = shading(np.asarray(relief, np.float32), (np.sin(angle), np.cos(angle)))
    light = body.light * np.clip(1 + 0.22 * slope, 0.5, 1.6)
    gleam = np.clip(slope * 0.6 - rng.uniform(0.3, 0.7), 0, 1) * lesion.gloss
    return np.asarray(colour * light[..., None] + gleam[..., None], np.float32)


def _add_hair_and_moles(rng: np.random.Generator, scene: Any, inside: Any) -> Any:
    size = scene.shape[0]
    ink = np.zeros((size, size), np.float32)
    hairs = int(rng.integers(5, 60)) if rng.random() < 0.3 else 0
    for _ in range(hairs):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, np.pi)
        end = start + rng.uniform(0.04, 0.12) * size * np.array([np.cos(angle), np.sin(angle)])
        ends = (tuple(map(int, start)), tuple(map(int, end)))
        cv2.line(ink, *ends, float(rng.uniform(0.3, 0.8)), 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 5))):
        spot = tuple(map(int, rng.uniform(0, size, 2)))
        cv2.circle(ink, spot, max(1, int(rng.uniform(0.002, 0.006) * size)), 0.6, -1, cv2.LINE_AA)
    return scene * (1 - (ink * inside)[..., None])


def _shoot(rng: np.random.Generator, scene: Any) -> npt.NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), rng.uniform(0.3, 0.9))
    picture = expose(rng, blurred, noise_level=float(rng.uniform(0.004, 0.02)))
    quality = int(rng.integers(65, 96))
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(unpacked[..., ::-1], np.uint8)
