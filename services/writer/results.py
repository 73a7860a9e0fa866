"""Results: from the findings of one image to the files that go into the PACS."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from services.writer.fixes import finish
from services.writer.geometry import header_copy
from services.writer.identity import Identity, Role
from services.writer.overlay import render_overlay
from services.writer.pm import build_pm
from services.writer.sc import build_sc
from services.writer.seg import build_seg
from services.writer.sr import build_image_report, build_segment_report
from shared.dicom.pixels import read_frames
from shared.errors import BadInputError, PermanentError, TransientError
from workers.contract import ModelSpec
from workers.findings import Findings

# What highdicom and pydicom raise on content they refuse.
_ENCODING_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltResult:
    """One DICOM object, ready to be stored; ``content`` is its Part 10 file."""

    role: Role
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    series_description: str
    content: bytes


def build_results(
    findings: Findings,
    source_path: Path,
    spec: ModelSpec,
    weights_digest: str,
    *,
    derived_from_paths: Sequence[Path] = (),
) -> tuple[BuiltResult, ...]:
    """Return every result of one image: the same arguments, the same bytes.

    Eligible images get a SEG (unless all masks are empty) with its report, a map for each
    parametric map, the report on the whole image, and the picture. Others get that report only.

    Parameters
    ----------
    source_path
        The image that ``findings`` lies on.
    derived_from_paths
        The images of ``findings.derived_from``, referred to in the results; may be left out.

    Raises
    ------
    BadInputError
        The source cannot be read as DICOM, or not decoded.
    PermanentError
        The findings do not fit the image (``findings``), or cannot be encoded (``encoding``).
    TransientError
        A file cannot be read from disk.
    """
    source = _header(source_path)
    check_findings(findings, source, spec)
    try:
        identity = Identity(
            source=header_copy(source),
            derived_from=tuple(header_copy(_header(path)) for path in derived_from_paths),
            derived_from_uids=findings.derived_from,
            spec=spec,
            weights_digest=weights_digest,
        )
        return tuple(
            _built(role, dataset, source)
            for role, dataset in _datasets(findings, identity, source_path)
        )
    except _ENCODING_ERRORS as error:
        # The cause stays out of the reason: it may quote attribute values.
        raise PermanentError(
            f"the results cannot be encoded ({type(error).__name__})", code="encoding"
        ) from error


def check_findings(findings: Findings, source: Dataset, spec: ModelSpec) -> None:
    """Raise :class:`PermanentError` (``findings``) unless ``findings`` fits image and spec."""
    frames = int(source.get("NumberOfFrames") or 1)
    plane = (int(source.get("Rows") or 0), int(source.get("Columns") or 0))
    numbers = {segment.number for segment in spec.segments}
    if findings.sop_instance_uid != source.SOPInstanceUID:
        raise PermanentError("the findings are of another image", code="findings")
    if not set(findings.masks) <= numbers:
        raise PermanentError("the findings mark an unknown segment", code="findings")
    if any(mask.shape != (frames, *plane) for mask in findings.masks.values()):
        raise PermanentError("a mask does not fit its image", code="findings")
    if any(one.values.shape not in {(frames, *plane), (1, *plane)} for one in findings.maps):
        raise PermanentError("a map does not fit its image", code="findings")
    if not all(math.isfinite(one.value) for one in findings.measurements):
        raise PermanentError("a measurement is not a finite number", code="findings")


def _header(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise BadInputError("the file is not DICOM", code="undecodable") from error
    except OSError as error:
        raise TransientError("the instance cannot be read from disk", code="spool") from error


def _datasets(
    findings: Findings, identity: Identity, source_path: Path
) -> Iterator[tuple[Role, Dataset]]:
    if not findings.eligible:
        yield "sr-image", build_image_report(findings, None, identity)
        return
    segmentation = build_seg(findings, identity)
    if segmentation is not None:
        yield "seg", segmentation.dataset
        yield "sr", build_segment_report(findings, segmentation, identity)
    for index, found in enumerate(findings.maps):
        yield "pm", build_pm(found, identity, index)
    yield "sr-image", build_image_report(findings, segmentation, identity)
    picture = render_overlay(findings, read_frames(source_path).pixels, identity.spec)
    yield "sc", build_sc(picture, identity)


def _built(role: Role, dataset: Dataset, source: Dataset) -> BuiltResult:
    return BuiltResult(
        role=role,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        study_instance_uid=str(source.StudyInstanceUID),
        series_description=str(dataset.SeriesDescription),
        content=finish(dataset, source),
    )
