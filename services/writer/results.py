"""Results: from the findings of a job to the files that go into the PACS."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydicom.dataset import Dataset

from services.writer.comparison import Comparison, compare
from services.writer.fixes import finish
from services.writer.geometry import header_copy
from services.writer.identity import Identity, Role
from services.writer.overlay import Picture, render_overlay
from services.writer.pdf import MAX_PAGES, build_pdf
from services.writer.pm import build_pm
from services.writer.pr import build_pr
from services.writer.previous import NONE, Previous
from services.writer.reading import Reading, check_one_patient, grouped, read_header
from services.writer.sc import build_sc
from services.writer.seg import build_seg
from services.writer.settings import StackEncoding
from services.writer.sr import build_image_report, build_segment_report
from shared.dicom.pixels import MiddleFrame, read_middle_frame
from shared.dicom.spacing import give_scale, read_spacing
from shared.errors import PermanentError
from workers.contract import ModelSpec
from workers.findings import Findings

ENCODING_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What highdicom and pydicom raise on content they refuse."""

Decode = Callable[[Path], MiddleFrame]
"""Decodes what a picture is drawn on; raises as :func:`shared.dicom.pixels.read_frames`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltResult:
    """One DICOM object, ready to be stored; ``content`` is its Part 10 file.

    ``source_sop_instance_uid`` is the image it was made from, or the first of them.
    """

    role: Role
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    series_description: str
    source_sop_instance_uid: str
    content: bytes


def build_results(
    findings: Sequence[Findings],
    paths: Mapping[str, Path],
    spec: ModelSpec,
    weights_digest: str,
    *,
    stack_encoding: StackEncoding = "binary",
    extra_roles: Collection[Role] = (),
    previous: Previous = NONE,
    scales: Mapping[str, float] = MappingProxyType({}),
    decode: Decode = read_middle_frame,
) -> Iterator[BuiltResult]:
    """Yield every result of a job, one at a time: the same arguments, the same bytes.

    Eligible images get a SEG (unless all masks are empty) with its report, a map for each
    parametric map, the report on the whole image, and the picture. Others get that report only.
    Images that are alike share them: :func:`services.writer.reading.grouped`.

    Parameters
    ----------
    paths
        SOP Instance UID → file: of every image that findings lie on, and of those of their
        ``derived_from`` that the results should refer to.
    stack_encoding
        How a SEG of several frames is stored.
    extra_roles
        Which of ``pdf`` (the pictures as a document) and ``pr`` (contours) the site wants as well.
    previous
        The earlier result of the patient that the figures are compared with.
    scales
        SOP Instance UID → millimetres of a pixel, of images for which a site rule gives them.
    decode
        Decodes in this process; :class:`shared.dicom.decoder.Decoder` does in one of its own.

    Raises
    ------
    BadInputError
        A source cannot be read as DICOM, or not decoded.
    PermanentError
        The findings do not fit their image (``findings``), or cannot be encoded (``encoding``);
        the images are of different patients (``two-patients``).
    TransientError
        A file cannot be read from disk; or what ``decode`` raises besides.
    """
    headers = {uid: read_header(path) for uid, path in paths.items()}
    check_one_patient(headers.values())
    readings = [_reading(one, headers, paths, spec, scales) for one in findings]
    for group in grouped(readings):
        # Patient and study are copied from here: the readings' headers have them blank.
        first = headers[group[0].findings.sop_instance_uid]
        today = str(first.get("StudyDate") or "")
        analysed = group[0].findings.eligible
        comparison = compare(previous, findings, spec, today) if analysed else None
        identity = Identity(
            sources=tuple(one.source for one in group),
            derived_from=group[0].derived_from,
            derived_from_uids=group[0].findings.derived_from,
            spec=spec,
            weights_digest=weights_digest,
            stack_encoding=stack_encoding if sum(one.frames for one in group) > 1 else "binary",
            compared_with="" if comparison is None else comparison.key,
        )
        try:
            for role, dataset in _datasets(group, identity, extra_roles, comparison, decode):
                yield _built(role, dataset, first, group[0])
        except ENCODING_ERRORS as error:
            # The cause stays out of the reason: it may quote attribute values.
            raise PermanentError("the results cannot be encoded", code="encoding") from error


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


def _reading(
    findings: Findings,
    headers: Mapping[str, Dataset],
    paths: Mapping[str, Path],
    spec: ModelSpec,
    scales: Mapping[str, float],
) -> Reading:
    uid = findings.sop_instance_uid
    if uid not in headers:
        raise PermanentError("the findings are of an image we do not have", code="findings")
    check_findings(findings, headers[uid], spec)
    source = header_copy(headers[uid])
    if uid in scales:
        give_scale(source, scales[uid])
    return Reading(
        findings=findings,
        source=source,
        path=paths[uid],
        derived_from=tuple(
            header_copy(headers[one]) for one in findings.derived_from if one in headers
        ),
    )


def _datasets(
    group: tuple[Reading, ...],
    identity: Identity,
    extra_roles: Collection[Role],
    comparison: Comparison | None,
    decode: Decode,
) -> Iterator[tuple[Role, Dataset]]:
    if not group[0].findings.eligible:
        yield "sr-image", build_image_report(group, None, identity)
        return
    segmentation = build_seg(group, identity)
    if segmentation is not None:
        yield "seg", segmentation.dataset
        yield "sr", build_segment_report(group, segmentation, identity)
    contours = build_pr(group, identity) if "pr" in extra_roles else None
    if contours is not None:
        yield "pr", contours
    notes = []
    for index, found in enumerate(group[0].findings.maps):
        parametric_map = build_pm(group, identity, index)
        if parametric_map is None:
            notes.append(f"{found.name}: too large to be written as a map; see the pictures.")
        else:
            yield "pm", parametric_map
    yield "sr-image", build_image_report(group, segmentation, identity, notes, comparison)
    yield from _pictures(group, identity, decode, with_pdf="pdf" in extra_roles)


def _pictures(
    group: tuple[Reading, ...], identity: Identity, decode: Decode, *, with_pdf: bool
) -> Iterator[tuple[Role, Dataset]]:
    pages: list[Picture] = []
    for index, one in enumerate(group):
        spacing = read_spacing(one.source)
        picture = render_overlay(one.findings, decode(one.path), identity.spec, spacing)
        yield "sc", build_sc(picture, identity, index)
        if with_pdf and len(pages) < MAX_PAGES:
            pages.append(picture)
    if pages:
        yield "pdf", build_pdf(pages, identity)


def _built(role: Role, dataset: Dataset, source: Dataset, first: Reading) -> BuiltResult:
    return BuiltResult(
        role=role,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        study_instance_uid=str(source.StudyInstanceUID),
        series_description=str(dataset.SeriesDescription),
        source_sop_instance_uid=first.findings.sop_instance_uid,
        content=finish(dataset, source),
    )
