"""Structure: walk the encoding of a data set without decoding a value.

pydicom reads lazily and accepts a file that ends in the middle of an element. This walk follows
every length in the bytes (PS3.5 section 7), so a truncated, overlapping or absurdly nested data
set is told apart before anything decodes it.
"""

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from shared.errors import BadInputError

MAX_DEPTH = 20
"""Deepest nesting of sequences taken; deeper ones have crashed DICOM parsers."""

MAX_ELEMENTS = 500_000
"""Most elements taken in one data set, nested ones included."""


Feed = Callable[[bytes | memoryview], object]
"""What takes the content of a data set piece by piece: the ``update`` of a hash."""


def content_hash(transfer_syntax_uid: str) -> "hashlib._Hash":
    """Return a SHA-256 to be fed by :func:`scan_structure`: equal for equal content.

    A PACS may send one object by two paths: in implicit VR, with sequences of undefined length,
    with group lengths, with other padding. Such a second copy is the same. Compressed and big
    endian data sets are the same only in the same transfer syntax: nothing is decoded.
    """
    plain = transfer_syntax_uid in {ImplicitVRLittleEndian, ExplicitVRLittleEndian}
    return hashlib.sha256(b"" if plain else transfer_syntax_uid.encode())


def scan_structure(
    data_set: bytes, transfer_syntax_uid: str, feed: Feed | None = None
) -> frozenset[int]:
    """Walk ``data_set`` (no preamble, no file meta) to its last byte.

    Parameters
    ----------
    feed
        Is given tags, values, and where sequences and items begin and end; not what is only
        encoding: representations, lengths of sequences, group lengths (retired), padding.

    Returns
    -------
    frozenset of int
        The tags of the top level.

    Raises
    ------
    BadInputError
        ``structure``: truncated, overlapping, out of order, duplicated, too deep, too many
        elements, or an unknown value representation. The reason holds tags and offsets only.
    """
    walk = _Walk(
        data_set,
        explicit=transfer_syntax_uid != ImplicitVRLittleEndian,
        little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
        feed=feed,
    )
    return walk.top_level()


# PS3.5 table 7.1-1: these have two reserved bytes and a 32-bit length, the others 16 bits.
_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_PADDING = 0xFFFCFFFC
_PIECE = struct.Struct(">cLL")
_FIRST_DATA_SET_TAG = 0x00080000  # groups 0000 to 0006 belong to commands, file meta, DICOMDIR


class _Element(NamedTuple):
    tag: int
    vr: bytes  # empty where none is written: implicit VR, and items
    length: int
    value: int  # where the value starts


class _Walk:
    """One walk over one buffer. Every method takes and returns byte offsets."""

    def __init__(
        self, data_set: bytes, *, explicit: bool, little_endian: bool, feed: Feed | None
    ) -> None:
        self._bytes = data_set
        self._view = memoryview(data_set)
        self._feed = feed
        self._explicit = explicit
        order = "<" if little_endian else ">"
        self._tag = struct.Struct(order + "HH")
        self._long = struct.Struct(order + "L")
        self._short = struct.Struct(order + "H")
        self._elements = 0

    def top_level(self) -> frozenset[int]:
        tags: set[int] = set()
        self._data_set(0, len(self._bytes), 0, explicit=self._explicit, tags=tags)
        return frozenset(tags)

    def _data_set(
        self,
        at: int,
        end: int,
        depth: int,
        *,
        explicit: bool,
        delimited: bool = False,
        tags: set[int] | None = None,
    ) -> int:
        last = _FIRST_DATA_SET_TAG - 1
        while at < end:
            element = self._header(at, end, explicit=explicit)
            tag = element.tag
            if delimited and tag == _ITEM_END:
                return element.value
            if tag <= last or tag >> 16 == 0xFFFE:
                raise _bad(f"{_name(tag)} at byte {at} is out of order, repeated or misplaced")
            last = tag
            if tags is not None:
                tags.add(tag)
            at = self._value(element, end, depth, explicit=explicit)
        if delimited:
            raise _bad("an item of undefined length never ends")
        return at

    def _value(self, element: _Element, end: int, depth: int, *, explicit: bool) -> int:
        tag, vr, length, at = element
        if length == _UNDEFINED:
            if tag == _PIXEL_DATA:
                self._say(b"P", tag)
                return self._fragments(at, end)
            if vr not in (b"", b"SQ", b"UN"):
                raise _bad(f"{_name(tag)} may not have an undefined length")
            # PS3.5 6.2.2: what a UN of undefined length holds is implicit VR little endian.
            inner = explicit and vr != b"UN"
            self._say(b"S", tag)
            return self._items(at, end, depth + 1, explicit=inner, delimited=True)
        if length > end - at:
            raise _bad(f"{_name(tag)} at byte {at} runs {length - (end - at)} bytes past the end")
        if vr == b"SQ" or (not vr and _is_sequence(tag)):
            self._say(b"S", tag)
            self._items(at, at + length, depth + 1, explicit=explicit, delimited=False)
        elif tag & 0xFFFF and tag != _PADDING:
            self._say(b"V", tag, at, length)
        return at + length

    def _say(self, kind: bytes, number: int = 0, at: int = 0, length: int = 0) -> None:
        """Feed one piece: unlike pieces never give the same bytes one after another."""
        if self._feed is not None:
            self._feed(_PIECE.pack(kind, number, length))
            self._feed(self._view[at : at + length])

    def _items(self, at: int, end: int, depth: int, *, explicit: bool, delimited: bool) -> int:
        if depth > MAX_DEPTH:
            raise _bad(f"sequences are nested deeper than {MAX_DEPTH}")
        while at < end:
            tag, _, length, value = self._header(at, end, explicit=explicit)
            if delimited and tag == _SEQUENCE_END:
                self._say(b"E")
                return value
            if tag != _ITEM:
                raise _bad(f"{_name(tag)} at byte {at} stands where an item must")
            self._say(b"I")
            if length == _UNDEFINED:
                at = self._data_set(value, end, depth, explicit=explicit, delimited=True)
                continue
            if length > end - value:
                raise _bad(f"the item at byte {at} runs past its sequence")
            at = self._data_set(value, value + length, depth, explicit=explicit)
        if delimited:
            raise _bad("a sequence of undefined length never ends")
        self._say(b"E")
        return at

    def _fragments(self, at: int, end: int) -> int:
        while at < end:
            tag, _, length, value = self._header(at, end, explicit=True)
            if tag == _SEQUENCE_END:
                return value
            if tag != _ITEM or length > end - value:
                raise _bad(f"the pixel data fragment at byte {at} is broken")
            self._say(b"F", at=value, length=length)
            at = value + length
        raise _bad("the pixel data never ends")

    def _header(self, at: int, end: int, *, explicit: bool) -> _Element:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise _bad(f"there are more than {MAX_ELEMENTS} elements")
        if end - at < 8:
            raise _bad(f"the bytes end inside an element header at byte {at}")
        group, element = self._tag.unpack_from(self._bytes, at)
        tag = group << 16 | element
        if not explicit or group == 0xFFFE:
            return _Element(tag, b"", self._long.unpack_from(self._bytes, at + 4)[0], at + 8)
        vr = self._bytes[at + 4 : at + 6]
        if vr in _SHORT_VRS:
            return _Element(tag, vr, self._short.unpack_from(self._bytes, at + 6)[0], at + 8)
        if vr not in _LONG_VRS:
            raise _bad(f"{_name(tag)} at byte {at} has no known value representation")
        if end - at < 12:
            raise _bad(f"the bytes end inside an element header at byte {at}")
        return _Element(tag, vr, self._long.unpack_from(self._bytes, at + 8)[0], at + 12)


@lru_cache(maxsize=8192)
def _is_sequence(tag: int) -> bool:
    # Implicit VR does not say which elements nest; the dictionary does.
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


def _name(tag: int) -> str:
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


def _bad(reason: str) -> BadInputError:
    return BadInputError(reason, code="structure")
