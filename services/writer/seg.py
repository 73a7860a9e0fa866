"""SEG: the masks of one image as a binary DICOM Segmentation (PS3.3 A.51)."""

from collections.abc import Mapping
from dataclasses import dataclass

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from services.writer.geometry import geometry_note, has_planes, neutral_copy
from services.writer.identity import Identity, concept
from shared.dicom import codes
from workers.contract import Segment
from workers.findings import Findings, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A SEG, and which number each segment of the spec got in it (empty ones are left out)."""

    dataset: Dataset
    numbers: Mapping[int, int]


def build_seg(findings: Findings, identity: Identity) -> Segmentation | None:
    """Return the SEG of ``findings``, or ``None`` when no segment has a single pixel."""
    found = [one for one in identity.spec.segments if _has_pixels(findings, one)]
    if not found:
        return None
    source = identity.source
    placed = has_planes(source)
    frames = int(source.get("NumberOfFrames") or 1)
    frame_of_reference_uid = identity.uid("frame-of-reference")
    base = source if placed else neutral_copy(source, frame_of_reference_uid, frames)
    dataset = hd.seg.Segmentation(
        source_images=[base],
        pixel_array=_stored(findings, found),
        segmentation_type="BINARY",
        segment_descriptions=[
            _description(number, segment, identity) for number, segment in enumerate(found, 1)
        ],
        series_instance_uid=identity.series_instance_uid("seg"),
        series_number=identity.series_number("seg"),
        sop_instance_uid=identity.sop_instance_uid("seg"),
        instance_number=1,
        series_description=identity.series_description("seg"),
        content_label="CUTIS",
        content_description=geometry_note(source),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity.equipment(),
    )
    if not placed and frames == 1:
        # A single frame needs plane groups to be shown (OHIF) and read (3D Slicer), but no frame
        # of reference: the reference to the source frame places it, so none is invented.
        del dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator
    return Segmentation(dataset=dataset, numbers={one.number: k for k, one in enumerate(found, 1)})


def _has_pixels(findings: Findings, segment: Segment) -> bool:
    mask = findings.masks.get(segment.number)
    return mask is not None and bool(mask.any())


def _stored(findings: Findings, found: list[Segment]) -> npt.NDArray[np.uint8]:
    """Return a label map (frames, rows, columns), or (…, segments) where segments overlap.

    A label map takes a third of the memory, which counts for stacks of 500 frames.
    """
    masks = [findings.masks[segment.number] for segment in found]
    labels = np.zeros(masks[0].shape, np.uint8)
    for number, mask in enumerate(masks, 1):
        if labels[mask].any():
            return _channels(masks)
        labels[mask] = number
    return labels


def _channels(masks: list[Mask]) -> npt.NDArray[np.uint8]:
    return np.stack(masks, axis=-1).astype(np.uint8)


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
        anatomic_regions=[concept(codes.SKIN)],
        display_color=hd.color.CIELabColor.from_rgb(*segment.colour),
    )
