"""SEG: the masks of a group of images as one DICOM Segmentation (PS3.3 A.51)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from services.writer.anatomy import anatomy
from services.writer.geometry import geometry_note, placed_sources
from services.writer.identity import Identity, concept
from services.writer.reading import Reading
from workers.contract import Segment
from workers.findings import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A SEG, and which number each segment of the spec got in it (empty ones are left out)."""

    dataset: Dataset
    numbers: Mapping[int, int]


def build_seg(readings: Sequence[Reading], identity: Identity) -> Segmentation | None:
    """Return the SEG of ``readings``, or ``None`` when no segment has a single pixel.

    Structures that overlap cannot be a label map, and are BINARY whatever the site set.
    """
    found = [one for one in identity.spec.segments if _has_pixels(readings, one)]
    if not found:
        return None
    pixels = _stored(readings, found)
    bases, placed = placed_sources(identity.sources, identity.uid("frame-of-reference"))
    label_map = identity.stack_encoding == "labelmap-rle" and pixels.ndim == 3
    dataset = hd.seg.Segmentation(
        source_images=bases,
        pixel_array=pixels,
        segmentation_type="LABELMAP" if label_map else "BINARY",
        segment_descriptions=[
            _description(number, segment, identity) for number, segment in enumerate(found, 1)
        ],
        series_instance_uid=identity.series_instance_uid("seg"),
        series_number=identity.series_number("seg"),
        sop_instance_uid=identity.sop_instance_uid("seg"),
        instance_number=1,
        series_description=identity.series_description("seg"),
        content_label="CUTIS",
        content_description=geometry_note(identity.source, placed=placed),
        transfer_syntax_uid=RLELossless if label_map else ExplicitVRLittleEndian,
        **identity.equipment(),
    )
    if not placed and len(pixels) == 1:
        # A single frame needs plane groups to be shown (OHIF) and read (3D Slicer), but no frame
        # of reference: the reference to the source frame places it, so none is invented. It is
        # required without Derivation Image only (PS3.3 table A.51-1); without it each pixel is
        # one of the source's (A.51.5.1).
        del dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator
    return Segmentation(dataset=dataset, numbers={one.number: k for k, one in enumerate(found, 1)})


def _has_pixels(readings: Sequence[Reading], segment: Segment) -> bool:
    masks = (one.findings.masks.get(segment.number) for one in readings)
    return any(mask is not None and bool(mask.any()) for mask in masks)


def _stored(readings: Sequence[Reading], found: list[Segment]) -> npt.NDArray[np.uint8]:
    """Return a label map (frames, rows, columns), or (…, segments) where segments overlap.

    A label map takes a third of the memory, which counts for stacks of 500 frames.
    """
    shape = (sum(one.frames for one in readings), *_plane(readings[0]))
    labels = np.zeros(shape, np.uint8)
    for view, _, number, mask in _placed(readings, found, labels):
        if view[mask].any():
            return _channels(readings, found, shape)
        view[mask] = number
    return labels


def _channels(
    readings: Sequence[Reading], found: list[Segment], shape: tuple[int, ...]
) -> npt.NDArray[np.uint8]:
    channels = np.zeros((*shape, len(found)), np.uint8)
    for _, frames, number, mask in _placed(readings, found, channels):
        channels[frames, ..., number - 1] = mask
    return channels


def _placed(
    readings: Sequence[Reading], found: list[Segment], pixels: npt.NDArray[np.uint8]
) -> Iterator[tuple[npt.NDArray[np.uint8], slice, int, Mask]]:
    """Yield each mask with the frames of ``pixels`` that it belongs to and its segment number."""
    first = 0
    for one in readings:
        frames = slice(first, first + one.frames)
        first += one.frames
        for number, segment in enumerate(found, 1):
            mask = one.findings.masks.get(segment.number)
            if mask is not None:
                yield pixels[frames], frames, number, mask


def _plane(one: Reading) -> tuple[int, int]:
    return int(one.source.Rows), int(one.source.Columns)


def _description(number: int, segment: Segment, identity: Identity) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=concept(segment.category),
        segmented_property_type=concept(segment.type),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=identity.seg_algorithm(),
        tracking_uid=identity.tracking_uid(segment),
        tracking_id=identity.tracking_identifier(segment),
        anatomic_regions=[anatomy(identity.source).segment_region()],
        display_color=hd.color.CIELabColor.from_rgb(*segment.colour),
    )
