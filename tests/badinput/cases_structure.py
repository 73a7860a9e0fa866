"""Data sets that are cut, lie about lengths, or are not what their transfer syntax says."""

import random
import struct
from dataclasses import replace

from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from services.listener.instance import StoreRequest
from services.listener.structure import MAX_DEPTH, MAX_ELEMENTS
from tests.badinput.surgery import (
    offset,
    photo,
    photo_dataset,
    section,
    with_bytes,
    with_element,
)
from tests.services.listener.requests import element, item, request_of

UNDEFINED = 0xFFFFFFFF
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
OPEN_ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)


def structure_cases() -> dict[str, StoreRequest]:
    """Return the cases by name."""
    return {**_cut_short(), **_lying_lengths(), **_wrong_order(), **_sequences(), **_encodings()}


def _cut_short() -> dict[str, StoreRequest]:
    good = photo("cut-short")
    pixels = offset(good, "PixelData")
    whole = good.data_set
    return {
        "empty-data-set": with_bytes(good, b""),
        "random-bytes": with_bytes(good, random.Random(1).randbytes(4096)),
        "zeros": with_bytes(good, bytes(4096)),
        "ones": with_bytes(good, b"\xff" * 4096),
        "data-set-of-one-byte": with_bytes(good, b"\x08"),
        "cut-in-first-header": with_bytes(good, whole[:6]),
        "cut-in-value": with_bytes(good, whole[: pixels // 2]),
        "cut-between-elements": with_bytes(good, whole[:pixels]),
        "cut-in-pixel-data": with_bytes(good, whole[:-10]),
        "last-byte-missing": with_bytes(good, whole[:-1]),
        "trailing-garbage": with_bytes(good, whole + b"\x13\x37" * 5),
        "trailing-padding-element": with_bytes(
            photo("padding"), photo("padding").data_set + element(0xFFFCFFFC, b"OB", bytes(64))
        ),
    }


def _lying_lengths() -> dict[str, StoreRequest]:
    good = photo("lying")
    pixels = good.data_set[offset(good, "PixelData") + 12 :]
    return {
        "length-past-end": with_element(good, "PatientComments", b"x" * 10, length=0xFFFE),
        "pixel-data-claims-4-gib": with_element(good, "PixelData", pixels, "OB", length=0xFFFFFFFE),
        "sequence-past-end": with_element(
            good, "ReferencedImageSequence", item(b""), length=0x7FFFFFFF
        ),
        "text-of-undefined-length": with_element(
            good, "TextValue", b"x" * 10, "UT", length=UNDEFINED
        ),
        "length-swallows-next-element": with_element(good, "PatientID", b"SKIN", length=7),
        "odd-length-value": with_element(photo("odd"), "PatientComments", b"odd"),
        "longest-short-value": with_element(photo("long"), "PatientComments", b"x" * 65534),
    }


def _wrong_order() -> dict[str, StoreRequest]:
    good = photo("order")
    twice = element(0x00100020, b"LO", b"OTHER ")
    at = offset(good, "PatientID")
    head = photo("meta")
    meta = head.part10()[132 : -len(head.data_set)]
    return {
        "duplicate-tag": with_bytes(good, good.data_set[:at] + twice + good.data_set[at:]),
        "tags-out-of-order": with_bytes(good, good.data_set + element(0x00080060, b"CS", b"MR")),
        "pixel-data-twice": with_bytes(good, good.data_set + element(0x7FE00010, b"OB", bytes(72))),
        "file-meta-in-data-set": with_bytes(good, meta + good.data_set),
        "command-in-data-set": with_bytes(
            good, element(0x00000002, b"UI", b"1.2\0") + good.data_set
        ),
        "whole-file-as-data-set": with_bytes(good, good.part10()),
        "executable-before-data-set": with_bytes(
            good, b"MZ".ljust(128, b"\x90") + b"DICM" + good.data_set
        ),
        "directory-records": with_bytes(good, element(0x00041130, b"CS", b"SET1") + good.data_set),
        "item-at-top-level": with_bytes(good, good.data_set + item(b"")),
        "unknown-vr": with_element(good, "PatientComments", b"xx", "ZZ"),
        "lower-case-vr": with_element(good, "PatientComments", b"xx", "lo"),
        "vr-of-nulls": with_element(good, "PatientComments", b"xx", "\0\0"),
    }


def _sequences() -> dict[str, StoreRequest]:
    good, tag = photo("sequences"), "ReferencedImageSequence"

    def holding(content: bytes, name: str = "sequences") -> StoreRequest:
        return with_element(photo(name), tag, content)

    open_sequence = element(0x00081140, b"SQ", OPEN_ITEM, UNDEFINED)
    fragments = element(0x7FE00010, b"OB", item(b"") + item(bytes(72)), UNDEFINED)
    bare = good.data_set[: offset(good, "PixelData")]
    private_open = OPEN_ITEM + struct.pack("<HHL", 0x0009, 0x1002, 4) + b"abcd" + ITEM_END
    with_creator = with_element(photo("private"), 0x00090010, b"CUTIS TEST", "LO")
    return {
        "nested-3000-deep": with_element(good, tag, _nested(3000)),
        "nested-deeper-than-allowed": with_element(good, tag, _nested(MAX_DEPTH)),
        "nested-as-deep-as-allowed": holding(_nested(MAX_DEPTH - 1), "as-deep"),
        "open-sequences-3000-deep": with_bytes(
            good, good.data_set[: offset(good, "PatientName")] + open_sequence * 3000
        ),
        "sequence-without-item": holding(element(0x00081150, b"UI", b"1.2\0")),
        "item-past-its-sequence": holding(struct.pack("<HHL", 0xFFFE, 0xE000, 1000)),
        "sequence-that-never-ends": with_element(good, tag, item(b""), length=UNDEFINED),
        "item-that-never-ends": with_element(good, tag, OPEN_ITEM + SEQUENCE_END, length=UNDEFINED),
        "too-many-elements": with_element(good, tag, item(b"") * (MAX_ELEMENTS + 1)),
        "fragments-that-never-end": with_bytes(good, bare + fragments),
        "fragment-past-end": with_bytes(
            good, bare + element(0x7FE00010, b"OB", item(b"")[:4] + b"\xff\xff\0\0", UNDEFINED)
        ),
        "private-sequence-as-unknown": with_element(
            with_creator, 0x00091001, private_open + SEQUENCE_END, "UN", length=UNDEFINED
        ),
        "broken-private-sequence": with_element(
            with_creator, 0x00091001, private_open, "UN", length=UNDEFINED
        ),
    }


def _nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = item(element(0x00081140, b"SQ", content))
    return content


def _encodings() -> dict[str, StoreRequest]:
    good = photo("encodings")
    implicit = photo_dataset("implicit")
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    big = photo_dataset("big-endian")
    big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    as_explicit = section("as-explicit").transfer_syntax_uid
    return {
        "explicit-sent-as-implicit": replace(good, transfer_syntax_uid=ImplicitVRLittleEndian),
        "implicit-sent-as-explicit": replace(request_of(implicit), transfer_syntax_uid=as_explicit),
        "big-endian-sent-as-little": replace(request_of(big), transfer_syntax_uid=as_explicit),
        "little-endian-sent-as-big": replace(good, transfer_syntax_uid=ExplicitVRBigEndian),
        "implicit": request_of(implicit),
        "big-endian": request_of(big),
    }
