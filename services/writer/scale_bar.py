"""Scale bar: how long a millimetre is in a picture, drawn only where somebody measured it."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_SHARE = 0.3  # of the picture's width, at most
_MARGIN, _THICK, _SIZE = 12, 4, 16
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def draw_scale_bar(picture: npt.NDArray[np.uint8], mm_per_pixel: float) -> npt.NDArray[np.uint8]:
    """Return ``picture`` (rows, columns, 3) with a bar in its lower left corner.

    ``mm_per_pixel`` is along a row. The bar is the longest of 1, 2 and 5 times a power of ten that
    takes at most 30 % of the width.
    """
    length_mm = round_length(_SHARE * picture.shape[1] * mm_per_pixel)
    length = max(1, round(length_mm / mm_per_pixel))
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    bottom = picture.shape[0] - _MARGIN
    box = (_MARGIN, bottom - _THICK + 1, _MARGIN + length - 1, bottom)
    draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), fill=_BLACK)
    draw.rectangle(box, fill=_WHITE)
    draw.text(
        (_MARGIN, bottom - _THICK - _SIZE - 6),
        label(length_mm),
        font=ImageFont.load_default(_SIZE),
        fill=_WHITE,
        stroke_width=1,
        stroke_fill=_BLACK,
    )
    return np.asarray(canvas, np.uint8)


def round_length(longest: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is at most ``longest``."""
    decade = 10.0 ** math.floor(math.log10(longest))
    return max(one * decade for one in (1.0, 2.0, 5.0) if one * decade <= longest * (1 + 1e-9))


def label(length_mm: float) -> str:
    """Return e.g. ``2 cm``, ``5 mm`` or ``200 um`` (the font has no micro sign)."""
    if length_mm >= 10:
        return f"{length_mm / 10:g} cm"
    return f"{length_mm:g} mm" if length_mm >= 1 else f"{1000 * length_mm:g} um"
