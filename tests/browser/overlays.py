"""Overlays: whether what a viewport shows is this image with these masks in these colours.

The image is found in the viewport as what is not black, and brought to its own size. A viewer maps
grey levels linearly (its window) and blends each mask's colour over the image: so outside every
mask the picture is a linear function of the source, and inside a mask it lies between that and the
segment's colour. Both are fitted; what does not fit is a problem, said in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from workers.findings import Mask

Picture = npt.NDArray[np.float32]
Colour = tuple[int, int, int]

EDGE = 3
"""Pixels of the image at a mask's edge that are not judged: outline, interpolation."""
_BLACK = 14
FIT = 6.0  # grey levels, root mean square
_COLOUR_FIT = 12.0
_MARKED = 0.97
_STRAY = 0.005
_SPAN = 25.0
_BLEND = (0.08, 0.95)


def image_in(picture: npt.NDArray[np.uint8], rows: int, columns: int) -> Picture:
    """Return the image that ``picture`` (a viewport) shows, as (rows, columns, 3) float32.

    Raises
    ------
    AssertionError
        Nothing is shown, or its sides are not in the proportion of ``rows`` and ``columns``.
    """
    lit = picture.max(axis=-1) > _BLACK
    down, across = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    assert len(down), "the viewport is black"
    assert len(across), "the viewport is black"
    top, bottom, left, right = down[0], down[-1] + 1, across[0], across[-1] + 1
    shape = (right - left) / (bottom - top)
    assert abs(shape / (columns / rows) - 1) < 0.03, (
        f"it is shown {shape:.2f} times as wide as high"
    )
    crop = picture[top:bottom, left:right].astype(np.float32)
    return np.asarray(cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def problems(
    shown: Picture,
    source: npt.NDArray[np.uint8],
    masks: Mapping[int, Mask],
    colours: Mapping[int, Colour],
) -> list[str]:
    """Return what is wrong with ``shown``; empty when every overlay is where its mask is.

    Parameters
    ----------
    shown
        (rows, columns, 3), the image as shown.
    source
        (rows, columns) or (rows, columns, 3), the image as sent.
    masks, colours
        By segment: (rows, columns) bool, and the colour it shall be shown in. Masks that overlap
        are judged where they do not.
    """
    covered = np.zeros(shown.shape[:2], np.int32)
    for mask in masks.values():
        covered += mask
    outside = ~grown(covered > 0) & _smooth(source)
    plain, misfit = plain_of(shown, source, outside)
    found = [f"the image itself is off by {misfit:.1f}"] if misfit > FIT else []
    for number, mask in masks.items():
        inside = shrunk(mask) & (covered == 1)
        if inside.sum() < 50:
            found.append(f"segment {number}: too small to judge")
            continue
        found += segment_problems(Look(shown, plain, outside), number, inside, colours)
    return found


@dataclass(frozen=True, slots=True)
class Look:
    """What is shown, and what there is to tell overlays by."""

    shown: Picture
    plain: Picture  # as it would be without overlays
    outside: Mask  # where this segment is not


def segment_problems(
    look: Look, number: int, inside: Mask, colours: Mapping[int, Colour]
) -> list[str]:
    """Return what is wrong with the overlay of one segment, which shall lie on ``inside``."""
    fits = {one: blend_of(look, inside, colour) for one, colour in colours.items()}
    blend, misfit = fits[number]
    best = min(fits, key=lambda one: fits[one][1])
    found = []
    if not _BLEND[0] < blend < _BLEND[1]:
        return [f"segment {number}: not there, or hides the image (blend {blend:.2f})"]
    if best != number or misfit > _COLOUR_FIT:
        found.append(f"segment {number}: has the colour of {best}, its own is off by {misfit:.1f}")
    marked = _strength(look, colours[number]) > blend / 2
    if (share := marked[inside].mean()) < _MARKED:
        found.append(f"segment {number}: covers {share:.0%} of its mask")
    outside = marked[look.outside]
    if outside.size and (stray := outside.mean()) > _STRAY:
        found.append(f"segment {number}: lies on {stray:.1%} of what is no mask")
    return found


def plain_of(
    shown: Picture, source: npt.NDArray[np.uint8] | Picture, outside: Mask
) -> tuple[Picture, float]:
    """Return the source in the levels of ``shown``, and how far it is off outside the masks."""
    colour = source if source.ndim == 3 else np.repeat(source[..., None], 3, axis=-1)
    plain = np.empty_like(shown)
    for channel in range(3):
        # In doubles: in floats, a plain background of 200,000 pixels counts as no slope at all.
        levels = colour[..., channel].astype(np.float64)
        drawn = shown[..., channel][outside].astype(np.float64)
        slope, offset = np.polyfit(levels[outside], drawn, 1)
        plain[..., channel] = np.clip(slope * levels + offset, 0, 255)
    off = (shown - plain)[outside]
    return plain, float(np.sqrt((off**2).mean()))


def blend_of(look: Look, inside: Mask, colour: Colour) -> tuple[float, float]:
    """Return how much of ``colour`` lies over the image inside, and how far that is off."""
    towards = (np.array(colour, np.float32) - look.plain)[inside]
    off = (look.shown - look.plain)[inside]
    blend = float((towards * off).sum() / max(float((towards**2).sum()), 1e-6))
    return blend, float(np.sqrt(((off - blend * towards) ** 2).mean()))


def _strength(look: Look, colour: Colour) -> npt.NDArray[np.float32]:
    """Return (rows, columns): how much of ``colour`` lies over each pixel."""
    towards = np.array(colour, np.float32) - look.plain
    off = look.shown - look.plain
    length = np.maximum((towards**2).sum(axis=-1), 1e-6)
    return np.asarray((towards * off).sum(axis=-1) / length, np.float32)


def _smooth(source: npt.NDArray[np.uint8]) -> Mask:
    """Return where ``source`` has no sharp edge, its border included.

    There, a fraction of a pixel changes much.
    """
    window = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    span = cv2.dilate(source, window).astype(np.float32) - cv2.erode(source, window)
    smooth = (span if span.ndim == 2 else span.max(axis=-1)) < _SPAN
    smooth[:EDGE] = smooth[-EDGE:] = smooth[:, :EDGE] = smooth[:, -EDGE:] = False
    return np.asarray(smooth, np.bool_)


def grown(mask: Mask) -> Mask:
    """Return ``mask`` with its surroundings that are not judged."""
    size = 2 * EDGE + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)), np.bool_)


def shrunk(mask: Mask) -> Mask:
    """Return ``mask`` without its edge."""
    size = 2 * EDGE + 1
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((size, size), np.uint8)), np.bool_)
