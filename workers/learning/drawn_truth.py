"""Drawn truth: which pixels people marked, read from DICOM Segmentations (PS3.3 A.51, C.8.20).

People draw in a viewer such as 3D Slicer or OHIF, from nothing or over a result of ours. Only what
a person had a hand in counts: segments of algorithm type MANUAL or SEMIAUTOMATIC, or a SEG that
some other software than ours wrote last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from shared.dicom.manifest import MANUFACTURER
from workers.contract import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One segment on one frame (counted from 0) of one image; ``mask`` is (rows, columns) bool."""

    sop_instance_uid: str
    frame: int
    segment: int
    mask: npt.NDArray[np.bool_]


def drawn_in(seg: Dataset, segments: Sequence[Segment]) -> Iterator[Drawn]:
    """Yield what people drew in ``seg`` of a model's ``segments``, by their coded type.

    Frames that do not say which image they lie on are left out, and so are fractional SEGs.
    """
    wanted = _wanted(seg, segments)
    if not wanted or seg.get("SegmentationType") not in {"BINARY", "LABELMAP"}:
        return
    label_map = seg.SegmentationType == "LABELMAP"
    pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for plane, groups in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        place = _place(groups)
        if place is None:
            continue
        numbers = wanted if label_map else {_number(seg, groups)} & set(wanted)
        for number in numbers:
            yield Drawn(
                sop_instance_uid=place[0],
                frame=place[1],
                segment=wanted[number],
                mask=np.asarray(plane == number if label_map else plane != 0, np.bool_),
            )


def series_of(seg: Dataset) -> dict[str, str]:
    """Return the series of each image that ``seg`` refers to: SOP to Series Instance UID."""
    return {
        str(instance.ReferencedSOPInstanceUID): str(series.SeriesInstanceUID)
        for series in seg.get("ReferencedSeriesSequence", [])
        for instance in series.get("ReferencedInstanceSequence", [])
    }


def drawn_at(seg: Dataset) -> str:
    """Return when ``seg`` was made, so that later ones sort last."""
    date = seg.get("ContentDate") or seg.get("SeriesDate") or ""
    return f"{date} {seg.get('ContentTime') or seg.get('SeriesTime') or ''}"


def _wanted(seg: Dataset, segments: Sequence[Segment]) -> dict[int, int]:
    """Return the numbers in ``seg`` of segments that people drew, and ours for each."""
    ours = {(one.type.value, one.type.scheme_designator): one.number for one in segments}
    edited = seg.get("Manufacturer") != MANUFACTURER
    found = {}
    for one in seg.SegmentSequence:
        code = one.SegmentedPropertyTypeCodeSequence[0]
        number = ours.get((code.get("CodeValue"), code.get("CodingSchemeDesignator")))
        if number is not None and (edited or one.get("SegmentAlgorithmType") != "AUTOMATIC"):
            found[int(one.SegmentNumber)] = number
    return found


def _place(groups: Dataset) -> tuple[str, int] | None:
    for derivation in groups.get("DerivationImageSequence", []):
        for source in derivation.get("SourceImageSequence", []):
            frames = source.get("ReferencedFrameNumber") or 1
            first = frames if isinstance(frames, int) else frames[0]
            return str(source.ReferencedSOPInstanceUID), int(first) - 1
    return None


def _number(seg: Dataset, groups: Dataset) -> int:
    """Return the segment of a frame; the shared groups hold it where all frames are of one."""
    for one in (groups, *seg.get("SharedFunctionalGroupsSequence", [])):
        if "SegmentIdentificationSequence" in one:
            return int(one.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    return 0
