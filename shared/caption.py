"""Caption: lines of text below a picture, with patches of colour and colour bars."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from shared.wording import CAUTION

GREY = (190, 190, 190)

_MIN_WIDTH = 640
_MARGIN, _SIZE, _LINE = 12, 16, 22
_WHITE, _ORANGE = (255, 255, 255), (255, 170, 60)
_SWATCH = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the caption, with a patch of a segment's colour, or a colour bar below it.

    ``bar`` is (rows, columns, 3) RGB and fits 616 columns.
    """

    text: str
    swatch: tuple[int, int, int] | None = None
    bar: npt.NDArray[np.uint8] | None = None
    colour: tuple[int, int, int] = _WHITE

    @property
    def height(self) -> int:
        """Rows that it takes."""
        return _LINE if self.bar is None else _LINE + len(self.bar) + 4


def draw_caption(picture: npt.NDArray[np.uint8], lines: list[Line]) -> npt.NDArray[np.uint8]:
    """Return ``picture`` with the caution and ``lines`` below it.

    At least 640 pixels wide, black around.
    """
    rows, columns = picture.shape[:2]
    width = max(columns, _MIN_WIDTH)
    told = [Line(text=CAUTION, colour=_ORANGE), *lines]
    wrapped = [piece for line in told for piece in _wrapped(line, width - 2 * _MARGIN)]
    canvas = Image.new("RGB", (width, rows + 2 * _MARGIN + sum(one.height for one in wrapped)))
    canvas.paste(Image.fromarray(picture), ((width - columns) // 2, 0))
    top = rows + _MARGIN
    for line in wrapped:
        _draw_line(canvas, line, top)
        top += line.height
    return np.asarray(canvas, dtype=np.uint8)


def _draw_line(canvas: Image.Image, line: Line, top: int) -> None:
    draw, left = ImageDraw.Draw(canvas), _MARGIN
    if line.swatch is not None:
        draw.rectangle((left, top + 2, left + _SWATCH, top + _SIZE), fill=line.swatch)
        left += _SWATCH + 8
    draw.text((left, top), line.text, font=_font(), fill=line.colour)
    if line.bar is not None:
        canvas.paste(Image.fromarray(line.bar), (_MARGIN, top + _LINE))


def _wrapped(line: Line, width: int) -> list[Line]:
    """Break ``line`` into pieces of at most ``width`` pixels.

    The first has the patch, the last the bar.
    """
    room = width - (_SWATCH + 8 if line.swatch else 0)
    pieces, current = [], ""
    for word in line.text.split():
        longer = f"{current} {word}".strip()
        if current and _font().getlength(longer) > room:
            pieces.append(current)
            current, room = word, width
        else:
            current = longer
    *before, last = [Line(text=one, colour=line.colour) for one in (*pieces, current)]
    broken = [*before, replace(last, bar=line.bar)]
    return [replace(broken[0], swatch=line.swatch), *broken[1:]]


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's built-in font: no font file to install, the same pixels everywhere.
    return ImageFont.load_default(_SIZE)
