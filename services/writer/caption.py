"""Caption: legend, numbers and the caution below a picture."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from shared.dicom.manifest import MANUFACTURER
from workers.contract import ModelSpec

CAUTION = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"

_MIN_WIDTH = 640
_MARGIN, _SIZE, _LINE = 12, 16, 22
_WHITE, _ORANGE, _GREY = (255, 255, 255), (255, 170, 60), (190, 190, 190)
_SWATCH = 18
_RAMP = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the caption, with a patch of a segment's colour or the ramp of the maps."""

    text: str
    swatch: tuple[int, int, int] | None = None
    ramp: bool = False
    colour: tuple[int, int, int] = _WHITE


def draw_captions(
    picture: npt.NDArray[np.uint8],
    spec: ModelSpec,
    heading: str,
    lines: list[Line],
    ramp: npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint8]:
    """Return ``picture`` with captions below it, at least 640 pixels wide, black around."""
    rows, columns = picture.shape[:2]
    width = max(columns, _MIN_WIDTH)
    title = f"{MANUFACTURER} {spec.name} {spec.version}"
    told = [
        Line(text=CAUTION, colour=_ORANGE),
        Line(text=", ".join(word for word in (title, heading) if word)),
        *lines,
        Line(text=f"Trained on {spec.training_data}", colour=_GREY),
    ]
    wrapped = [piece for line in told for piece in _wrapped(line, width - 2 * _MARGIN)]
    canvas = Image.new("RGB", (width, rows + 2 * _MARGIN + _LINE * len(wrapped)))
    canvas.paste(Image.fromarray(picture), ((width - columns) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    for index, line in enumerate(wrapped):
        _draw_line(draw, canvas, line, rows + _MARGIN + index * _LINE, ramp)
    return np.asarray(canvas, dtype=np.uint8)


def _draw_line(
    draw: ImageDraw.ImageDraw,
    canvas: Image.Image,
    line: Line,
    top: int,
    ramp: npt.NDArray[np.uint8],
) -> None:
    left = _MARGIN
    if line.swatch is not None:
        draw.rectangle((left, top + 2, left + _SWATCH, top + _SIZE), fill=line.swatch)
        left += _SWATCH + 8
    if line.ramp:
        bar = np.repeat(ramp[None, :, :], _SIZE - 2, axis=0)
        canvas.paste(Image.fromarray(bar).resize((_RAMP, _SIZE - 2)), (left, top + 2))
        left += _RAMP + 8
    draw.text((left, top), line.text, font=_font(), fill=line.colour)


def _wrapped(line: Line, width: int) -> list[Line]:
    """Break ``line`` into pieces of at most ``width`` pixels; only the first has the mark."""
    room = width - (_SWATCH + 8 if line.swatch else 0) - (_RAMP + 8 if line.ramp else 0)
    pieces, current = [], ""
    for word in line.text.split():
        longer = f"{current} {word}".strip()
        if current and _font().getlength(longer) > room:
            pieces.append(current)
            current, room = word, width
        else:
            current = longer
    first, *rest = [*pieces, current]
    marked = Line(text=first, swatch=line.swatch, ramp=line.ramp, colour=line.colour)
    return [marked, *(Line(text=one, colour=line.colour) for one in rest)]


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's built-in font: no font file to install, the same pixels everywhere.
    return ImageFont.load_default(_SIZE)
