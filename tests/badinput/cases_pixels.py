"""Pixels and headers that only a decoder finds out about: taken, and then a typed job failure."""

import base64
import io
import struct
from dataclasses import replace

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from services.listener.instance import StoreRequest
from tests import factories
from tests.badinput.surgery import photo, section, with_element, without_element
from tests.services.listener.requests import element, item, request_of

_TWELVE_BITS = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsL"
    "EBYQERMUFRUVDA8XGBYUGBIUFRT/wQALDAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAADAD/xAAbEAABBAMAAAAAAAAA"
    "AAAAAAALACc3RFRhcv/aAAgBAQAAPwAhINeGvxY1mNQ50law14a/FjWY1DnShrw1+LGsxqHOkrVGvDX4sazGoc6X///Z"
)
"""A ramp of 16 x 16 pixels, 130 apart, by DCMTK's dcmcjpeg +ee: nothing else here can."""

SIDE = 64  # of compressed images: OpenJPEG refuses to encode much smaller ones


def pixel_cases() -> dict[str, StoreRequest]:
    """Return the cases by name."""
    return {**_headers(), **_values(), **_normalised(), **_streams(), **_bombs()}


def _us(number: int) -> bytes:
    return struct.pack("<H", number)


def _headers() -> dict[str, StoreRequest]:
    def changed(name: str, keyword: str, value: bytes, vr: str = "") -> StoreRequest:
        return with_element(section(name), keyword, value, vr)

    huge = with_element(section("huge"), "Rows", _us(65535))
    return {
        "pixel-data-too-short": changed("short", "PixelData", bytes(10), "OB"),
        "pixel-data-too-long": changed("too-long", "PixelData", bytes(240), "OB"),
        "pixel-data-empty": changed("empty", "PixelData", b"", "OB"),
        "no-rows": without_element(section("no-rows"), "Rows"),
        "no-columns": without_element(section("no-columns"), "Columns"),
        "no-bits-allocated": without_element(section("no-bits"), "BitsAllocated"),
        "no-photometric": without_element(section("no-photo"), "PhotometricInterpretation"),
        "rows-zero": changed("rows-0", "Rows", _us(0)),
        "rows-are-text": changed("rows-text", "Rows", b"xx", "LO"),
        "rows-twice": changed("rows-twice", "Rows", _us(4) + _us(4)),
        "image-of-65535-squared": with_element(huge, "Columns", _us(65535)),
        "frames-2-billion": changed("frames-max", "NumberOfFrames", b"2147483647"),
        "frames-negative": changed("frames-neg", "NumberOfFrames", b"-5"),
        "frames-text": changed("frames-text", "NumberOfFrames", b"many"),
        "frames-beyond-64-bits": changed("frames-64", "NumberOfFrames", b"9" * 24),
        "bits-stored-17": changed("stored-17", "BitsStored", _us(17)),
        "bits-allocated-13": changed("alloc-13", "BitsAllocated", _us(13)),
        "bits-allocated-0": changed("alloc-0", "BitsAllocated", _us(0)),
        "bits-allocated-65535": changed("alloc-max", "BitsAllocated", _us(65535)),
        "samples-0": changed("samples-0", "SamplesPerPixel", _us(0)),
        "samples-2": changed("samples-2", "SamplesPerPixel", _us(2)),
        "samples-65535": changed("samples-max", "SamplesPerPixel", _us(65535)),
        "pixel-representation-7": changed("representation", "PixelRepresentation", _us(7)),
        "photometric-garbage": changed("photometric", "PhotometricInterpretation", b"NONSENSE"),
        "planar-configuration-9": with_element(photo("planar-9"), "PlanarConfiguration", _us(9)),
        "palette-without-table": changed("palette", "PhotometricInterpretation", b"PALETTE COLOR "),
    }


def _values() -> dict[str, StoreRequest]:
    def rescaled(name: str, slope: bytes, intercept: bytes) -> StoreRequest:
        good = with_element(section(name), "RescaleSlope", slope)
        return with_element(good, "RescaleIntercept", intercept)

    def floats(name: str, value: float) -> StoreRequest:
        good = without_element(section(name), "PixelData")
        for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
            good = without_element(good, keyword)
        good = with_element(good, "BitsAllocated", _us(32))
        content = np.full(24, value, "<f4").tobytes()
        return with_element(good, "FloatPixelData", content, "OF")

    return {
        "rescale-slope-text": rescaled("slope-text", b"xx", b"0 "),
        "rescale-intercept-1e400": rescaled("intercept", b"0 ", b"1e400 "),
        "rescale-slope-nan": rescaled("slope-nan", b"NaN ", b"0 "),
        "rescale-slope-zero": rescaled("slope-zero", b"0 ", b"1 "),
        "float-pixels-nan": floats("nan", float("nan")),
        "float-pixels-infinite": floats("infinite", float("inf")),
        "pixel-spacing-zero": with_element(section("spacing-0"), "PixelSpacing", b"0\\0 "),
        "pixel-spacing-text": with_element(section("spacing-text"), "PixelSpacing", b"xx\\yy "),
        "pixel-spacing-of-one-value": with_element(section("spacing-1"), "PixelSpacing", b"1 "),
        "orientation-zeros": with_element(
            section("orientation"), "ImageOrientationPatient", b"0\\0\\0\\0\\0\\0 "
        ),
        "padding-in-signed-pixels": request_of(_signed()),
    }


def _signed() -> Dataset:
    dataset = factories.word_stack(np.array([[[-2000, 5], [7, -1]]], np.int16).view(np.uint16))
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 1, 16, 15
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = "1.2.3.99.1"
    dataset.StudyInstanceUID, dataset.PixelPaddingValue = "1.2.3.99", -2000
    return dataset


def _normalised() -> dict[str, StoreRequest]:
    planar = with_element(photo("planar-1"), "PlanarConfiguration", _us(1))
    full = with_element(photo("ybr"), "PhotometricInterpretation", b"YBR_FULL")
    return {
        "monochrome1": with_element(
            section("monochrome1"), "PhotometricInterpretation", b"MONOCHROME1 "
        ),
        "planar-configuration-1": planar,
        "ybr-full": full,
        "ybr-full-planar": with_element(
            with_element(photo("ybr-planar"), "PhotometricInterpretation", b"YBR_FULL"),
            "PlanarConfiguration",
            _us(1),
        ),
        "ybr-422-uncompressed-too-long": with_element(
            photo("ybr-422"), "PhotometricInterpretation", b"YBR_FULL_422"
        ),
    }


def _encoded(syntax: UID) -> bytes:
    return get_encoder(syntax).encode(
        _ramp(),
        rows=SIDE,
        columns=SIDE,
        samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2",
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        number_of_frames=1,
    )


def _compressed(name: str, syntax: UID, *streams: bytes) -> StoreRequest:
    """Return a square section whose pixel data are these frames."""
    good = with_element(with_element(section(name), "Rows", _us(SIDE)), "Columns", _us(SIDE))
    if len(streams) > 1:
        good = with_element(good, "NumberOfFrames", str(len(streams)).ljust(4).encode())
    good = without_element(good, "PixelData")
    data_set = good.data_set + _fragments(*streams)
    return replace(good, transfer_syntax_uid=syntax, data_set=data_set)


def _fragments(*streams: bytes) -> bytes:
    """Return encapsulated pixel data with an empty offset table (PS3.5 A.4)."""
    items = b"".join(item(one + b"\0" * (len(one) % 2)) for one in (b"", *streams))
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return element(0x7FE00010, b"OB", items + end, 0xFFFFFFFF)


def _streams() -> dict[str, StoreRequest]:
    j2k, rle, ls = (_encoded(one) for one in (JPEG2000Lossless, RLELossless, JPEGLSLossless))
    jpeg = _gray_jpeg()
    native = section("native-as-jpeg")
    return {
        "jpeg-garbage": _compressed("jpeg-1", JPEGBaseline8Bit, b"\xff\xd8not a jpeg"),
        "jpeg-cut": _compressed("jpeg-2", JPEGBaseline8Bit, jpeg[: len(jpeg) // 4]),
        "jpeg-without-start": _compressed("jpeg-3", JPEGBaseline8Bit, jpeg[2:]),
        "jpeg-2000-garbage": _compressed("j2k-1", JPEG2000Lossless, b"not a stream"),
        "jpeg-2000-cut": _compressed("j2k-2", JPEG2000Lossless, j2k[: len(j2k) // 3]),
        "jpeg-ls-garbage": _compressed("ls-1", JPEGLSLossless, b"\xff\xd8\xff\xf7zz"),
        "jpeg-ls-cut": _compressed("ls-2", JPEGLSLossless, ls[: len(ls) // 2]),
        "rle-bad-segment-count": _compressed("rle-1", RLELossless, b"\x63\0\0\0" + rle[4:]),
        "rle-cut": _compressed("rle-2", RLELossless, rle[:70]),
        "rle-offsets-past-end": _compressed(
            "rle-3", RLELossless, rle[:4] + b"\xff\xff\xff\x7f" + rle[8:]
        ),
        "jpeg-2000-labelled-jpeg": _compressed("label-1", JPEGBaseline8Bit, j2k),
        "rle-labelled-jpeg-2000": _compressed("label-2", JPEG2000Lossless, rle),
        "no-fragments": _compressed("fragments-0", JPEG2000Lossless),
        "fewer-frames-than-promised": with_element(
            _compressed("frames-few", RLELossless, rle, rle), "NumberOfFrames", b"5 "
        ),
        "native-pixels-labelled-jpeg": replace(native, transfer_syntax_uid=JPEGBaseline8Bit),
        "fragments-labelled-native": replace(
            _compressed("fragments-native", RLELossless, rle),
            transfer_syntax_uid=native.transfer_syntax_uid,
        ),
        "good-jpeg-2000": _compressed("j2k-good", JPEG2000Lossless, j2k),
        "good-jpeg": _compressed("jpeg-good", JPEGBaseline8Bit, jpeg),
        "good-jpeg-ls": _compressed("ls-good", JPEGLSLossless, ls),
        "jpeg-of-12-bits": _of_12_bits("jpeg-12", 12),
        "jpeg-of-12-bits-labelled-8": _of_12_bits("jpeg-12-as-8", 8),
        "good-rle": _compressed("rle-good", RLELossless, rle),
    }


def _of_12_bits(name: str, stored: int) -> StoreRequest:
    """Return a section whose JPEG has 12 bits and whose header says ``stored``."""
    numbers = {"Rows": 16, "Columns": 16, "BitsStored": stored, "HighBit": stored - 1}
    good = without_element(section(name), "PixelData")
    for keyword, number in (numbers | {"BitsAllocated": 8 if stored == 8 else 16}).items():
        good = with_element(good, keyword, _us(number))
    data_set = good.data_set + _fragments(_TWELVE_BITS)
    return replace(good, transfer_syntax_uid=JPEGExtended12Bit, data_set=data_set)


def _gray_jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(_ramp()).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def _ramp() -> factories.Pixels:
    return np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8)


def _bombs() -> dict[str, StoreRequest]:
    """Return streams that say they are far larger than the header says."""
    big = struct.pack(">L", 60_000)
    j2k = bytearray(_encoded(JPEG2000Lossless))
    size = j2k.index(b"\xff\x51") + 6
    j2k[size : size + 8] = big * 2
    tile = size + 16
    j2k[tile : tile + 8] = big * 2
    frames = with_element(section("bomb-frames"), "NumberOfFrames", b"100000")
    frames = with_element(with_element(frames, "Rows", _us(1000)), "Columns", _us(1000))
    return {
        "jpeg-2000-bomb": _compressed("bomb-j2k", JPEG2000Lossless, bytes(j2k)),
        "jpeg-bomb": _compressed("bomb-jpeg", JPEGBaseline8Bit, _swollen(_gray_jpeg(), 0xC0)),
        "jpeg-ls-bomb": _compressed(
            "bomb-ls", JPEGLSLossless, _swollen(_encoded(JPEGLSLossless), 0xF7)
        ),
        "bomb-of-100000-frames": replace(
            frames,
            transfer_syntax_uid=RLELossless,
            data_set=without_element(frames, "PixelData").data_set
            + _fragments(_encoded(RLELossless)),
        ),
    }


def _swollen(stream: bytes, marker: int) -> bytes:
    """Return a JPEG stream whose frame header says 65000 by 65000."""
    at = stream.index(bytes([0xFF, marker])) + 5
    return stream[:at] + struct.pack(">HH", 65000, 65000) + stream[at + 4 :]
