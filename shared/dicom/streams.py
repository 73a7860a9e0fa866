"""Streams: what a compressed frame says about its own size, read before anything decodes it.

A decoder allocates what the stream asks for, not what the DICOM header promises: 100 bytes of
JPEG 2000 can ask for gigabytes. And some decoders fill what is missing of a cut stream with grey.
"""

import struct
from typing import NamedTuple


class StreamSize(NamedTuple):
    """Rows, columns and samples per pixel as the stream's own header has them."""

    rows: int
    columns: int
    samples: int


def stream_size(stream: bytes) -> StreamSize | None:
    """Return the size that a JPEG, JPEG-LS or JPEG 2000 stream gives, or ``None`` if it is none.

    JPEG and JPEG-LS: the frame header (ITU-T T.81 B.2.2, T.87 C.2.2). JPEG 2000 and HTJ2K: the SIZ
    marker (T.800 A.5.1), also inside a JP2 file.
    """
    if stream.startswith(_JPEG_START):
        return _jpeg_size(stream)
    start = 0 if stream.startswith(_J2K_START) else stream.find(_J2K_START, 0, _LONGEST_JP2_HEADER)
    if start == 0 or (start > 0 and stream.startswith(_JP2_SIGNATURE)):
        return _j2k_size(stream, start)
    return None


def is_whole(stream: bytes) -> bool:
    """Say whether the stream has an end marker (EOI of JPEG and JPEG-LS, EOC of JPEG 2000)."""
    return stream.rfind(_END, max(0, len(stream) - _LONGEST_TAIL)) >= 0


_JPEG_START = b"\xff\xd8"
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_LONGEST_JP2_HEADER = 64 * 1024
_END = b"\xff\xd9"
_LONGEST_TAIL = 4096  # padding, and what makers append after the end

_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment
# SOF0 to SOF15 without DHT, JPG and DAC, which lie between them; SOF55 is JPEG-LS.
_FRAME_HEADERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}


def _jpeg_size(stream: bytes) -> StreamSize | None:
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill bytes may stand before a marker
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_HEADERS:
            return StreamSize(*struct.unpack_from(">HHB", stream, at + 5))
        at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    return None


def _j2k_size(stream: bytes, start: int) -> StreamSize | None:
    if len(stream) < start + 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4L", stream, start + 8)
    (samples,) = struct.unpack_from(">H", stream, start + 40)
    return StreamSize(bottom - top, right - left, samples)
