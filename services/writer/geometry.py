"""Geometry: copies of a source's header that highdicom can build a result on.

Photos, secondary captures and most stacks have no frame of reference. highdicom refuses stacks
without one, 3D Slicer needs plane groups, and OHIF crashes on a SEG without them. So results
of such sources are built on a header copy with neutral planes: frame k at z = -k mm. Where the
source has true geometry, that is used. The source itself is never changed.
"""

import copy
import math
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from services.writer.fixes import IDENTITY
from shared.dicom.spacing import read_spacing, shared_groups

_APART_MM = 1e-4  # a tenth of a micrometre: below that, two planes are one
_NEUTRAL_ORIENTATION = [1, 0, 0, 0, 1, 0]
_PIXEL_GROUP = 0x7FE0

# The Image Plane module (PS3.3 C.7.6.2) as far as highdicom insists on it.
_IMAGE_PLANE = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
)

# Geometry that a neutral copy must not mix with its own.
_PLACED = (
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "ImageOrientationSlide",
    "ImageCenterPointCoordinatesSequence",
    "TotalPixelMatrixOriginSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
)


def header_copy(dataset: Dataset) -> Dataset:
    """Return ``dataset`` without pixels, every element copied.

    Element by element, because a dataset built from another's items shares its elements, and
    setting a value in the one would silently edit the other. Identity is blank, because highdicom
    refuses what some sites send (odd sexes, bad dates); ``fixes.finish`` copies it verbatim.
    """
    header = Dataset()
    for element in dataset:
        if element.tag.group != _PIXEL_GROUP and not element.tag.is_private:
            header.add(copy.deepcopy(element))
    header.file_meta = copy.deepcopy(dataset.file_meta)
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword in IDENTITY:
        if keyword in header:
            del header[keyword]
        setattr(header, keyword, None)
    return header


def has_planes(header: Dataset) -> bool:
    """Return whether ``header`` places every frame in a patient frame of reference."""
    if not header.get("FrameOfReferenceUID"):
        return False
    if "NumberOfFrames" not in header:
        return all(header.get(keyword) for keyword in _IMAGE_PLANE)
    shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    return (
        "PlaneOrientationSequence" in shared[0]
        and "PixelMeasuresSequence" in shared[0]
        and len(per_frame) == int(header.NumberOfFrames)
        and all("PlanePositionSequence" in group for group in per_frame)
    )


def neutral_copy(header: Dataset, frame_of_reference_uid: str, frames: int) -> Dataset:
    """Return a copy of ``header`` with ``frames`` neutral planes.

    Pixel spacing, thickness and distance of planes (Pixel Measures, PS3.3 C.7.6.16.2.1) are the
    source's where it states them. Else 1 mm stands for each (dcmqi cannot read an object without);
    ``geometry_note`` says so in the result.
    """
    placed = header_copy(header)
    for keyword in _PLACED:
        if keyword in placed:
            delattr(placed, keyword)
    spacing = read_spacing(header)
    pair = (spacing.row_mm, spacing.column_mm) if spacing else (1.0, 1.0)
    measures = Dataset()
    measures.PixelSpacing = [_decimal(one) for one in pair]
    thickness, apart = _stated(header, "SliceThickness"), _stated(header, "SpacingBetweenSlices")
    measures.SliceThickness = _decimal(thickness or 1)
    measures.SpacingBetweenSlices = _decimal(apart or 1)
    orientation = Dataset()
    orientation.ImageOrientationPatient = _NEUTRAL_ORIENTATION
    placed.FrameOfReferenceUID = frame_of_reference_uid
    placed.PositionReferenceIndicator = ""
    # Both at the root and in functional groups: highdicom looks where the SOP class has them,
    # and sources carry NumberOfFrames where their class has none, or lack it.
    placed.update(copy.deepcopy(measures))
    placed.update(copy.deepcopy(orientation))
    placed.ImagePositionPatient = [0, 0, 0]
    placed.NumberOfFrames = frames
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    placed.SharedFunctionalGroupsSequence = [shared]
    placed.PerFrameFunctionalGroupsSequence = [
        _frame_at(index * (apart or 1)) for index in range(frames)
    ]
    return placed


def placed_sources(
    headers: Sequence[Dataset], frame_of_reference_uid: str
) -> tuple[list[Dataset], bool]:
    """Return headers that highdicom can build on, and whether their planes are the sources' own.

    ``headers`` is one image of any number of frames, or several of one frame each: image *k* of
    those lies at z = -k (times the stated distance). Planes of which two are at one distance along
    their normal (tiles of one depth, a section taken twice, zeros everywhere) order no frames, and
    highdicom refuses them: these too get neutral ones.
    """
    if all(has_planes(one) for one in headers) and _lie_apart(headers):
        return list(headers), True
    if len(headers) == 1:
        frames = int(headers[0].get("NumberOfFrames") or 1)
        return [neutral_copy(headers[0], frame_of_reference_uid, frames)], False
    copies = [neutral_copy(one, frame_of_reference_uid, 1) for one in headers]
    for index, one in enumerate(copies):
        apart = _stated(headers[0], "SpacingBetweenSlices") or 1
        one.ImagePositionPatient = [0, 0, _decimal(0 - index * apart)]
        # They are single-frame images; highdicom takes them for others with these.
        del one.NumberOfFrames
        del one.SharedFunctionalGroupsSequence, one.PerFrameFunctionalGroupsSequence
    return copies, False


def geometry_note(header: Dataset, *, placed: bool) -> str:
    """Return what a result says about its geometry, at most 64 characters (VR LO).

    ``placed`` says whether the result has the planes of its source.
    """
    if placed:
        return "Geometry of the source image"
    spacing = read_spacing(header)
    if spacing is None:
        return "No pixel spacing known: 1 mm stands for 1 pixel; neutral planes"
    apart = _stated(header, "SpacingBetweenSlices") is not None
    if spacing.source == "nominal":
        planes = "Neutral planes" if apart else "Neutral planes, depth fictional"
        return f"Nominal spacing: do not measure. {planes}"
    if not apart:
        return "Neutral planes, depth fictional: do not measure volumes"
    return "Neutral planes: positions do not place the image in the patient"


def _stated(header: Dataset, keyword: str) -> float | None:
    """Return a length in mm that ``header`` states, at its root or for all frames."""
    measures = shared_groups(header).get("PixelMeasuresSequence") or [Dataset()]
    for one in (header, measures[0]):
        try:
            value = float(one.get(keyword) or 0)
        except (TypeError, ValueError):
            continue
        if math.isfinite(value) and value > 0:
            return value
    return None


def _decimal(value: float) -> DSfloat:
    return DSfloat(value, auto_format=True)


def _frame_at(depth_mm: float) -> Dataset:
    position = Dataset()
    # highdicom stores frames by falling z: so frame k of a result belongs to frame k.
    position.ImagePositionPatient = [0, 0, _decimal(0 - depth_mm)]
    group = Dataset()
    group.PlanePositionSequence = [position]
    return group


def _lie_apart(headers: Sequence[Dataset]) -> bool:
    """Say whether every plane has a distance along the normal of its own."""
    planes = [plane for one in headers for plane in _planes(one)]
    if len(planes) == 1:
        return True
    row, column = np.reshape([float(one) for one in planes[0][1]], (2, 3))
    positions = np.array([[float(one) for one in position] for position, _ in planes])
    distances = np.sort(positions @ np.cross(row, column))
    return bool(np.all(np.diff(distances) > _APART_MM))


def _planes(header: Dataset) -> list[tuple[Sequence[float], Sequence[float]]]:
    """Return position and orientation of each frame of a header that has them."""
    if "NumberOfFrames" not in header:
        return [(header.ImagePositionPatient, header.ImageOrientationPatient)]
    shared = header.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    return [
        (group.PlanePositionSequence[0].ImagePositionPatient, shared.ImageOrientationPatient)
        for group in header.PerFrameFunctionalGroupsSequence
    ]
