"""Colour bar: the false colours of a map, and which value each of them stands for."""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from shared.wording import rounded

_WIDTH, _HEIGHT, _SIZE = 560, 24, 16
_TICKS = 5
_BORDER = (190, 190, 190)  # the darkest colours are those of the background


def heat_colours() -> npt.NDArray[np.uint8]:
    """Return (256, 3) RGB from dark to bright: inferno, which keeps its order in grey."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1], np.uint8)


def colour_bar(low: float, high: float, highest: float) -> npt.NDArray[np.uint8]:
    """Return a bar from ``low`` to ``high`` with five values below it, (rows, columns, 3) RGB.

    Where ``highest``, the largest value of the map, is above ``high``, the last label says so.
    """
    canvas = Image.new("RGB", (_WIDTH, _HEIGHT + _SIZE + 8))
    size, nearest = (_WIDTH - 2, _HEIGHT - 2), Image.Resampling.NEAREST
    ramp = Image.fromarray(heat_colours()[None]).resize(size, nearest)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, _WIDTH - 1, _HEIGHT - 1), fill=_BORDER)
    canvas.paste(ramp, (1, 1))
    font = ImageFont.load_default(_SIZE)
    hardly = 1e-6 * (high - low)  # a window read from DICOM text is off by so little
    for index, value in enumerate(np.linspace(low, high, _TICKS)):
        at = round(index * (_WIDTH - 1) / (_TICKS - 1))
        text = rounded(float(value)) if abs(value) > hardly else "0"
        if index == _TICKS - 1 and highest > high + hardly:
            text += " or more"
        draw.line((at, _HEIGHT, at, _HEIGHT + 3), fill=_BORDER)
        left = min(max(at - font.getlength(text) / 2, 0), _WIDTH - font.getlength(text))
        draw.text((left, _HEIGHT + 4), text, font=font)
    return np.asarray(canvas, np.uint8)
