"""Pixels: one received instance, decoded into the arrays and lengths that models read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import ParametricMapStorage, RLELossless

from shared.dicom.spacing import SpacingMm, give_scale, read_spacing, shared_groups
from shared.dicom.streams import StreamSize, is_whole, stream_size
from shared.errors import BadInputError, TransientError
from shared.memory import memory_left

MAX_VOXELS = 600_000_000
"""Largest instance that is decoded: an LC-OCT stack of 500 frames fits twice."""

_FRAME_COPIES = 8
"""What decoders hold of a frame at once: OpenJPEG 32 bits of every 8, and pydicom its copies."""

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# What pydicom and its decoders were seen to raise on broken pixels and headers.
_DECODE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """One decoded instance.

    ``pixels`` is (frames, rows, columns, 3) uint8 RGB, or (frames, rows, columns) uint8, uint16
    or float32: MONOCHROME1 inverted unless values were asked for, rescale or real-world slope and
    intercept applied.
    ``attributes`` may hold ``exposure_time_ms``, ``frame_time_ms`` and ``depth_um``.
    """

    pixels: npt.NDArray[Any]
    spacing: SpacingMm | None = None
    attributes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddleFrame:
    """The frame of an instance that pictures show: number ``index``, from 0, of ``frames``.

    ``pixels`` is (rows, columns, 3) uint8 RGB or (rows, columns), as in :class:`DecodedImage`.
    """

    pixels: npt.NDArray[Any]
    index: int
    frames: int


def middle_of(pixels: npt.NDArray[Any]) -> MiddleFrame:
    """Return the middle one of the frames of :class:`DecodedImage`."""
    index = len(pixels) // 2
    return MiddleFrame(pixels=pixels[index], index=index, frames=len(pixels))


def read_middle_frame(path: Path) -> MiddleFrame:
    """Decode the instance at ``path`` here, in this process; raises as :func:`read_frames`."""
    return middle_of(read_frames(path).pixels)


def read_frames(
    path: Path,
    *,
    max_voxels: int = MAX_VOXELS,
    scale_mm: float | None = None,
    as_values: bool = False,
) -> DecodedImage:
    """Decode the instance at ``path``; ``scale_mm`` is what a site rule says a pixel measures.

    MONOCHROME1 says how to show values, not that they are others (PS3.3 C.7.6.3.1.2): with
    ``as_values`` they stay what they are, else they are turned round so that high is bright.

    Raises
    ------
    BadInputError
        ``undecodable``: not DICOM, no pixels, or pixels that do not fit the header;
        ``too-large``: more samples than ``max_voxels``.
    TransientError
        The file cannot be read from disk.
    MemoryError
        The process has a bound (:mod:`shared.memory`), and too little is left to decode.
    """
    try:
        dataset = dcmread(path)
        check_size(dataset, max_voxels)
        pixels = _rescaled(dataset, _decoded(dataset, as_values=as_values))
        if scale_mm is not None:
            give_scale(dataset, scale_mm)
        return DecodedImage(
            pixels=pixels, spacing=read_spacing(dataset), attributes=_attributes(dataset)
        )
    except InvalidDicomError as error:
        raise BadInputError("the file is not DICOM", code="undecodable") from error
    except OSError as error:
        raise TransientError("the instance cannot be read from disk", code="spool") from error
    except _DECODE_ERRORS as error:
        # The cause stays out of the reason: it may quote attribute values.
        raise BadInputError("the pixels cannot be decoded", code="undecodable") from error


def check_size(dataset: Dataset, max_voxels: int = MAX_VOXELS) -> None:
    """Raise :class:`BadInputError` unless the header promises a sensible amount of pixels."""
    if not any(keyword in dataset for keyword in _PIXELS):
        raise BadInputError("the instance has no pixels", code="undecodable")
    frames = int(dataset.get("NumberOfFrames") or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.get("SamplesPerPixel", 1))
    if min(frames, rows, columns) < 1 or samples not in {1, 3}:
        raise BadInputError("the header describes no image", code="undecodable")
    if frames * rows * columns * samples > max_voxels:
        raise BadInputError(f"more than {max_voxels} samples", code="too-large")
    syntax = dataset.file_meta.TransferSyntaxUID
    compressed = syntax.is_encapsulated
    # pydicom takes surplus bytes for padding; more than the one pad byte is a header that lies.
    if "PixelData" in dataset and not compressed:
        expected = get_expected_length(dataset)
        if not expected <= len(dataset.PixelData) <= expected + 1:
            raise BadInputError("the pixels do not fit the header", code="undecodable")
    elif compressed and syntax != RLELossless:
        _check_streams(dataset, frames, StreamSize(rows, columns, samples))


def _check_streams(dataset: Dataset, frames: int, expected: StreamSize) -> None:
    for stream in generate_frames(dataset.PixelData, number_of_frames=frames):
        if stream_size(stream) != expected:
            raise BadInputError("a compressed frame does not fit the header", code="undecodable")
        if not is_whole(stream):
            raise BadInputError("a compressed frame is cut short", code="undecodable")


def _decoded(dataset: Dataset, *, as_values: bool) -> npt.NDArray[Any]:
    """Return the stored values, (frames, rows, columns) or (frames, rows, columns, 3) uint8."""
    pixels = _stored(dataset)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        bits = 8 * pixels.itemsize
    else:
        bits = int(dataset.get("BitsStored", 8 * pixels.itemsize))
    colour = _is_colour(dataset)
    frames = int(dataset.get("NumberOfFrames") or 1)
    expected = (frames, int(dataset.Rows), int(dataset.Columns), *((3,) if colour else ()))
    if pixels.shape not in {expected, expected[1:]} or pixels.size != np.prod(expected):
        raise BadInputError("the pixels do not fit the header", code="undecodable")
    pixels = pixels.reshape(expected)
    if colour and pixels.dtype != np.uint8:
        return np.asarray(pixels >> max(bits - 8, 0), np.uint8)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1" and not as_values:
        return _inverted(pixels, bits)
    return pixels


def _stored(dataset: Dataset) -> npt.NDArray[Any]:
    try:
        stored: npt.NDArray[Any] = dataset.pixel_array
    except RuntimeError as error:
        # pydicom does not tell why its decoders failed, and they seldom tell that memory was short.
        samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1))
        frame_bytes = samples * int(dataset.BitsAllocated) / 8
        if memory_left() < _FRAME_COPIES * frame_bytes:
            raise MemoryError("there may have been too little to decode") from error
        raise
    return stored


def _is_colour(dataset: Dataset) -> bool:
    palette = dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    return palette or int(dataset.get("SamplesPerPixel", 1)) == 3


def _inverted(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Turn MONOCHROME1 (low is bright) round within the range that the stored bits allow."""
    if np.issubdtype(pixels.dtype, np.floating):
        return np.asarray(pixels.max() + pixels.min() - pixels)
    if np.issubdtype(pixels.dtype, np.signedinteger):
        return np.asarray(-1 - pixels)
    return np.asarray(pixels.dtype.type(2**bits - 1) - pixels)


def _rescaled(dataset: Dataset, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Apply slope and intercept per frame; unsigned 8 and 16 bit stay as they are without."""
    if pixels.ndim == 4:
        return pixels
    transforms = list(_transforms(dataset, len(pixels)))
    if all(one == (1.0, 0.0) for one in transforms):
        if pixels.dtype in (np.uint8, np.uint16):
            return pixels
        values = pixels.astype(np.float32)
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # found by the finite check below
            factors = np.array(transforms).astype(np.float32)[..., None, None]
            values = pixels.astype(np.float32) * factors[:, 0] + factors[:, 1]
    if not np.isfinite(values).all():
        raise BadInputError("the pixels hold values that are not finite", code="undecodable")
    return values


def _transforms(dataset: Dataset, frames: int) -> Iterator[tuple[float, float]]:
    """Yield (slope, intercept) of each frame, from the root or the functional groups."""
    root = _slope_and_intercept(dataset) or (1.0, 0.0)
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = shared_groups(dataset)
    for index in range(frames):
        own = _group_transform(dataset, per_frame[index]) if index < len(per_frame) else None
        yield own or _group_transform(dataset, shared) or root


def _group_transform(dataset: Dataset, groups: Dataset) -> tuple[float, float] | None:
    # A parametric map says what its numbers mean by real-world values (PS3.3 A.75), not rescale.
    if dataset.SOPClassUID == ParametricMapStorage:
        mappings = groups.get("RealWorldValueMappingSequence") or []
        if mappings and "RealWorldValueSlope" in mappings[0]:
            intercept = float(mappings[0].RealWorldValueIntercept)
            return float(mappings[0].RealWorldValueSlope), intercept
        return None
    transformation = groups.get("PixelValueTransformationSequence") or []
    return _slope_and_intercept(transformation[0]) if transformation else None


def _slope_and_intercept(dataset: Dataset) -> tuple[float, float] | None:
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if slope is None or intercept is None:
        return None
    return float(slope), float(intercept)


def _attributes(dataset: Dataset) -> dict[str, float]:
    """Return what is known of exposure, frame time and depth; PS3.3 C.7.6.5, C.8.35.3."""
    candidates = (
        ("exposure_time_ms", "ExposureTimeInms", 1.0),
        ("exposure_time_ms", "ExposureTime", 1.0),
        ("frame_time_ms", "FrameTime", 1.0),
        ("depth_um", "ImageAcquisitionDepth", 1000.0),  # millimetres
    )
    found: dict[str, float] = {}
    for name, keyword, factor in candidates:
        value = dataset.get(keyword)
        if value is not None and name not in found:
            number = float(value) * factor
            if np.isfinite(number) and number >= 0:
                found[name] = number
    return found
