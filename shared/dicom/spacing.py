"""Spacing: how large a pixel is, and how far that may be trusted. Never invented."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    ConfocalMicroscopyImageStorage,
    ConfocalMicroscopyTiledPyramidalImageStorage,
)
from pydicom.valuerep import DSfloat

_GIVEN = "scale given by a site rule of Cutis"
_CONFOCAL = {ConfocalMicroscopyImageStorage, ConfocalMicroscopyTiledPyramidalImageStorage}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacingMm:
    """Millimetres between the centres of neighbouring rows and columns.

    ``source`` is ``"calibrated"`` or ``"nominal"``.
    """

    row_mm: float
    column_mm: float
    source: str


def read_spacing(dataset: Dataset) -> SpacingMm | None:
    """Return the most trustworthy pixel spacing of ``dataset``, or ``None``.

    In order of trust: Pixel Spacing with a calibration type, or beside an Image Position (Image
    Plane module: patient space by definition); Pixel Measures of the functional groups, if equal
    for all frames; field of view of confocal images (PS3.3 C.8.35.3); then as ``"nominal"``
    plain Pixel Spacing (in photos and secondary captures nobody says how it was found) and
    Nominal Scanned Pixel Spacing (PS3.3 C.8.6.1). Imager Pixel Spacing is at the detector, not
    at the skin, and never used. Zero, negative or non-finite values count as absent.
    """
    plain = _pair(dataset.get("PixelSpacing"))
    trusted = "PixelSpacingCalibrationType" in dataset or "ImagePositionPatient" in dataset
    if plain and trusted:
        return _spacing(plain, "calibrated")
    measured = _pixel_measures(dataset) or _field_of_view(dataset)
    if measured:
        return _spacing(measured, "calibrated")
    nominal = plain or _pair(dataset.get("NominalScannedPixelSpacing"))
    return _spacing(nominal, "nominal") if nominal else None


def give_scale(dataset: Dataset, mm_per_pixel: float) -> None:
    """Give an image that is not calibrated the scale of a site rule; it counts as calibrated then.

    For the headers we read with, never for what is stored.
    """
    known = read_spacing(dataset)
    if known is None or known.source != "calibrated":
        dataset.PixelSpacing = [DSfloat(mm_per_pixel, auto_format=True)] * 2
        dataset.PixelSpacingCalibrationType = "FIDUCIAL"
        dataset.PixelSpacingCalibrationDescription = _GIVEN


def given_scale(dataset: Dataset) -> float | None:
    """Return the scale that :func:`give_scale` gave, if it did."""
    pair = _pair(dataset.get("PixelSpacing"))
    given = dataset.get("PixelSpacingCalibrationDescription") == _GIVEN
    return pair[0] if pair and given else None


def shared_groups(dataset: Dataset) -> Dataset:
    """Return the shared functional groups of ``dataset``, empty when it has none."""
    groups = dataset.get("SharedFunctionalGroupsSequence") or []
    return groups[0] if groups else Dataset()


def _spacing(pair: tuple[float, float], source: str) -> SpacingMm:
    return SpacingMm(row_mm=pair[0], column_mm=pair[1], source=source)


def _pair(value: Sequence[Any] | None) -> tuple[float, float] | None:
    if value is None or isinstance(value, str) or not isinstance(value, Sequence):
        return None
    try:
        numbers = [float(one) for one in value]
    except (TypeError, ValueError):
        return None
    if len(numbers) != 2 or not all(math.isfinite(one) and one > 0 for one in numbers):
        return None
    return numbers[0], numbers[1]


def _pixel_measures(dataset: Dataset) -> tuple[float, float] | None:
    groups = [shared_groups(dataset), *(dataset.get("PerFrameFunctionalGroupsSequence") or [])]
    pairs = {
        _pair(group.PixelMeasuresSequence[0].get("PixelSpacing"))
        for group in groups
        if group.get("PixelMeasuresSequence")
    }
    return pairs.pop() if len(pairs) == 1 else None


def _field_of_view(dataset: Dataset) -> tuple[float, float] | None:
    if dataset.get("SOPClassUID") not in _CONFOCAL and dataset.get("Modality") != "CFM":
        return None
    if dataset.get("FieldOfViewShape") != "RECTANGLE":
        return None
    # "row dimension followed by column": taken in the order of Pixel Spacing, rows first.
    extents = _pair(dataset.get("FieldOfViewDimensions"))
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if extents is None or rows < 1 or columns < 1:
        return None
    return extents[0] / rows, extents[1] / columns
