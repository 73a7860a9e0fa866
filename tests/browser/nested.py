"""Nested: overlays of a model's real masks, which lie in one another and may fill the frame.

A keloid is a lesion, and both are skin: each overlay is drawn over the others. So every segment is
judged against what surrounds it under the same other masks, and where nothing does (skin fills a
close-up), against the source itself. Sources are grainy, so both pictures are smoothed alike.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from tests.browser.overlays import (
    FIT,
    Colour,
    Look,
    Picture,
    blend_of,
    grown,
    plain_of,
    segment_problems,
    shrunk,
)
from workers.findings import Mask

SMOOTHED = 5
"""Pixels of the image across which both pictures are averaged: within what no edge is judged."""

MAX_UNSEEN = 0.02
"""Share of a segment's own pixels, of the frame, below which it may be too thin to judge."""

BAND = 8
"""Pixels from a mask's edge within which its overlay must end."""

_WITHIN, _BEYOND = 0.9, 0.03
_ENOUGH = 0.005  # of the frame, to fit the image on
_SAME = 0.99


def nested_problems(
    shown: Picture,
    source: npt.NDArray[np.uint8],
    masks: Mapping[int, Mask],
    colours: Mapping[int, Colour],
) -> list[str]:
    """Return what is wrong with ``shown``; empty when every overlay is where its mask is.

    Arguments as of :func:`tests.browser.overlays.problems`, but masks may be nested. Segments with
    the same mask, or with no pixel of their own, are one overlay, in a mixture of their colours.
    """
    smooth = _smoothed(shown), _smoothed(source)
    found = []
    judged = 0
    for numbers in _alike({number: mask for number, mask in masks.items() if mask.any()}):
        mask = masks[numbers[0]]
        others = [masks[one] for one in masks if one not in numbers and masks[one].any()]
        around = [one for one in others if _holds(one, mask)]
        apart = [one for one in others if not _holds(one, mask)]
        inside = shrunk(mask) & ~grown(_any(apart, mask.shape))
        if inside.sum() < 50:
            if (mask & ~_any(apart, mask.shape)).mean() > MAX_UNSEEN:
                found.append(f"segment {numbers[-1]}: nothing of it to judge")
            continue
        ground = ~grown(_any([mask, *apart], mask.shape))
        for one in around:
            ground &= shrunk(one)
        look, misfit = _look(*smooth, ground, alone=not around)
        if look is None:
            found.append(f"segment {numbers[-1]}: nothing to tell it by")
            continue
        if misfit > FIT:
            found.append(f"the image around segment {numbers[-1]} is off by {misfit:.1f}")
        judged += 1
        mixed = _mixture(look, inside, [colours[one] for one in numbers])
        wrong = segment_problems(look, numbers[-1], inside, {**colours, numbers[-1]: mixed})
        if not wrong:
            rest = [colours[one] for one in masks if one not in numbers]
            wrong = _edge_problems(look, mask, inside, mixed, rest)
        found += wrong
    return found if judged else [*found, "no overlay to judge"]


def _look(
    shown: Picture, source: Picture, ground: Mask, *, alone: bool
) -> tuple[Look | None, float]:
    """Return what to tell a segment by: its ground, or the source where that needs no window."""
    if ground.mean() > _ENOUGH:
        plain, misfit = plain_of(shown, source, ground)
        return Look(shown, plain, ground), misfit
    if alone and source.ndim == 3:
        return Look(shown, source, np.zeros(ground.shape, np.bool_)), 0.0
    return None, 0.0


def _edge_problems(
    look: Look, mask: Mask, inside: Mask, own: Colour, others: Sequence[Colour]
) -> list[str]:
    """Return whether the overlay ends where its mask does: what is a few pixels off shows there."""
    blend, _ = blend_of(look, inside, own)
    off = [np.square(look.shown - look.plain).sum(axis=-1)]
    for colour in (own, *others):
        drawn = look.plain + blend * (np.array(colour, np.float32) - look.plain)
        off.append(np.square(look.shown - drawn).sum(axis=-1))
    likest = np.argmin(off, axis=0)  # 0 bare, 1 its own colour
    within = inside & ~_shrunk_by(mask, BAND)
    beyond = look.outside & _grown_by(mask, BAND)
    found = []
    if within.any() and (share := (likest[within] == 1).mean()) < _WITHIN:
        found.append(f"an edge is off: {share:.0%} of the colour just within")
    if beyond.any() and (share := (likest[beyond] != 0).mean()) > _BEYOND:
        found.append(f"an edge is off: {share:.0%} of colour just beyond")
    return found


def _mixture(look: Look, inside: Mask, colours: Sequence[Colour]) -> Colour:
    """Return the colour of several overlays one over the other: in which shares, a fit tells."""
    if len(colours) == 1:
        return colours[0]
    ends = np.array(colours, np.float64)
    plain, drawn = (one[inside].astype(np.float64) for one in (look.plain, look.shown))
    towards = (ends[None] - plain[:, None]).reshape(len(plain), len(ends), 3)
    matrix = np.moveaxis(towards, 1, 2).reshape(-1, len(ends))
    shares, *_ = np.linalg.lstsq(matrix, (drawn - plain).ravel(), rcond=None)
    shares = np.clip(shares, 0, None)
    red, green, blue = (shares @ ends / max(float(shares.sum()), 1e-6)).round().astype(int)
    return int(red), int(green), int(blue)


def _grown_by(mask: Mask, by: int) -> Mask:
    window = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), window), np.bool_)


def _shrunk_by(mask: Mask, by: int) -> Mask:
    return ~_grown_by(~mask, by)


def _alike(masks: Mapping[int, Mask]) -> list[list[int]]:
    """Return the numbers of the segments in groups of the same mask."""
    groups: list[list[int]] = []
    for number, mask in masks.items():
        for group in groups:
            first = masks[group[0]]
            if (first & mask).sum() > _SAME * (first | mask).sum():
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def _holds(outer: Mask, inner: Mask) -> bool:
    return bool((outer & inner).sum() > _SAME * inner.sum())


def _any(masks: Sequence[Mask], shape: tuple[int, ...]) -> Mask:
    found = np.zeros(shape, np.bool_)
    for one in masks:
        found |= one
    return found


def _smoothed(picture: npt.NDArray[np.generic]) -> Picture:
    return np.asarray(cv2.blur(picture.astype(np.float32), (SMOOTHED, SMOOTHED)), np.float32)
