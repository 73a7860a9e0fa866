"""Disturbances: the same keloid photographed worse, in five steps each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from workers.learning.augment import through_jpeg
from workers.perfusion.phantom import KeloidPhantom

DISTURBANCES: dict[str, tuple[float, ...]] = {
    "angle (degrees)": (0, 11, 22, 34, 45),
    "brightness (factor)": (0.6, 0.8, 1.0, 1.2, 1.4),
    "contrast (factor)": (0.6, 0.8, 1.0, 1.25, 1.5),
    "blur (sigma, pixels)": (0, 1, 2, 3, 4),
    "noise (SD, share of white)": (0, 0.025, 0.05, 0.075, 0.1),
    "JPEG (quality)": (95, 70, 50, 30, 10),
}
"""Levels by name, of a photo of 256 pixels."""


def disturb(name: str, level: float, one: KeloidPhantom) -> KeloidPhantom:
    """Return ``one`` photographed so; an angle moves photo and truth alike."""
    if name.startswith("angle"):
        return _tilted(one, level)
    photo = one.photo.astype(np.float32) / 255
    change: Callable[[Any, float], Any] = {
        "brightness": lambda seen, factor: seen * factor,
        "contrast": lambda seen, factor: (seen - seen.mean()) * factor + seen.mean(),
        "blur": lambda seen, sigma: cv2.GaussianBlur(seen, (0, 0), sigma) if sigma else seen,
        "noise": _noisy,
        "JPEG": _compressed,
    }[name.partition(" ")[0]]
    return replace(one, photo=_bytes(change(photo, level)))


def _tilted(one: KeloidPhantom, degrees: float) -> KeloidPhantom:
    """Turn the skin about the picture's vertical axis, seen from three picture widths away."""
    size = one.photo.shape[0]
    half, away = size / 2, 3.0 * size
    angle = np.radians(degrees)
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    depth = away + corners[:, 0] * np.sin(angle)
    seen = (
        np.stack([corners[:, 0] * np.cos(angle), corners[:, 1]], axis=1) * (away / depth)[:, None]
    )
    move = cv2.getPerspectiveTransform(
        (corners + half).astype(np.float32), (seen + half).astype(np.float32)
    )

    def turned(picture: npt.NDArray[Any], how: int = cv2.INTER_LINEAR) -> npt.NDArray[Any]:
        moved = cv2.warpPerspective(
            picture, move, (size, size), flags=how, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(moved, picture.dtype)

    return KeloidPhantom(
        photo=turned(one.photo),
        keloid=turned(one.keloid.astype(np.uint8), cv2.INTER_NEAREST) > 0,
        perfusion=turned(one.perfusion),
        knowable=turned(one.knowable),
    )


def _noisy(seen: Any, spread: float) -> Any:
    return seen + spread * np.random.default_rng(0).standard_normal(seen.shape)


def _compressed(seen: Any, quality: float) -> Any:
    return through_jpeg(_bytes(seen), int(quality)).astype(np.float32) / 255


def _bytes(seen: Any) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(seen * 255, 0, 255).round(), np.uint8)
