"""SR: two TID 1500 reports of a group of images: measured structures, and images as a whole.

Two, because mixing measurement groups of different kinds in one report is refused by PixelMed's
validator, which IHE's AI Results profile tests with.
"""

from collections.abc import Iterator, Mapping, Sequence

from highdicom import sr
from pydicom.dataset import Dataset

from services.writer.anatomy import anatomy
from services.writer.comparison import Comparison, comparison_groups, prior_evidence
from services.writer.document import Cover, build_document
from services.writer.identity import Identity, Role, concept, segments_by_number
from services.writer.notes import notes_of
from services.writer.reading import Reading
from services.writer.seg import Segmentation
from shared.dicom import codes
from shared.dicom.uids import derived_uid
from workers.contract import Segment
from workers.findings import Findings, Measurement


def build_segment_report(
    readings: Sequence[Reading], segmentation: Segmentation, identity: Identity
) -> Dataset:
    """Return the report with one TID 1411 group for each segment and image of the SEG."""
    segments = segments_by_number(identity.spec)
    groups = [
        _segment_group(one, segmentation, segments[number], identity)
        for one in readings
        for number in segmentation.numbers
        if len(readings) == 1 or _is_marked(one, number)
    ]
    evidence = [*identity.sources, *identity.derived_from, segmentation.dataset]
    return build_document(_cover("sr", identity), groups, [identity.caution()], evidence)


def build_image_report(
    readings: Sequence[Reading],
    segmentation: Segmentation | None,
    identity: Identity,
    more_notes: Sequence[str] = (),
    comparison: Comparison | None = None,
) -> Dataset:
    """Return the report on whole images: TID 1501 groups, and the notes in words.

    Holds eligibility, assessments and measurements of each image, and a group that says "absent"
    for each structure that was looked for and not found in it. ``comparison`` adds the figures of
    an earlier study and the change since.
    """
    numbers = {} if segmentation is None else segmentation.numbers
    groups = []
    for index, one in enumerate(readings):
        groups.append(_image_group(one, index, identity))
        groups += _unmarked_groups(one, numbers, identity)
    notes = list(notes_of(readings, identity, segmented=segmentation is not None))
    evidence = [*identity.sources, *identity.derived_from]
    if comparison is not None:
        groups += comparison_groups(comparison, identity)
        notes += comparison.notes
        evidence += prior_evidence(comparison)
    words = list(dict.fromkeys([*notes, *more_notes]))
    return build_document(_cover("sr-image", identity), groups, words, evidence)


def _is_marked(reading: Reading, number: int) -> bool:
    mask = reading.findings.masks.get(number)
    return mask is not None and bool(mask.any())


def _segment_group(
    reading: Reading, segmentation: Segmentation, segment: Segment, identity: Identity
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    source, seg = reading.source, segmentation.dataset
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(segment, identity),
        finding_type=concept(segment.type),
        finding_category=concept(segment.category),
        finding_sites=anatomy(source).finding_sites(),
        algorithm_id=identity.sr_algorithm(),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=segmentation.numbers[segment.number],
            source_images=[
                sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID)
            ],
        ),
        measurements=_measurements(reading.findings, segment.number, identity),
    )


def _image_group(
    reading: Reading, index: int, identity: Identity
) -> sr.MeasurementsAndQualitativeEvaluations:
    findings = reading.findings
    pairs = [(one.question, one.answer) for one in findings.assessments]
    if codes.ELIGIBILITY not in [question for question, _ in pairs]:
        answer = codes.ELIGIBLE if findings.eligible else codes.NOT_ELIGIBLE
        pairs.insert(0, (codes.ELIGIBILITY, answer))
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=identity.image_tracking_uid(index), identifier=identity.tracking_identifier(None)
        ),
        # Also where nothing was measured: a declined image was declined by some algorithm.
        algorithm_id=identity.sr_algorithm(),
        finding_sites=anatomy(reading.source).finding_sites(),
        measurements=_measurements(findings, None, identity),
        qualitative_evaluations=[
            sr.QualitativeEvaluation(concept(question), concept(answer))
            for question, answer in pairs
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(one.SOPClassUID, one.SOPInstanceUID)
            for one in (reading.source, *reading.derived_from)
        ],
    )


def _unmarked_groups(
    reading: Reading, numbers: Mapping[int, int], identity: Identity
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """Yield a group for each structure of this image that the SEG does not hold."""
    masks = reading.findings.masks
    for number, segment in segments_by_number(identity.spec).items():
        marked = number in numbers and (number not in masks or bool(masks[number].any()))
        measurements = _measurements(reading.findings, number, identity)
        if not marked and (number in masks or measurements):
            absence = [sr.QualitativeEvaluation(concept(codes.PRESENCE), concept(codes.ABSENT))]
            yield sr.MeasurementsAndQualitativeEvaluations(
                tracking_identifier=_tracking(segment, identity),
                finding_type=concept(segment.type),
                finding_category=concept(segment.category),
                algorithm_id=identity.sr_algorithm(),
                finding_sites=anatomy(reading.source).finding_sites(),
                measurements=measurements,
                qualitative_evaluations=absence if number in masks else None,
                source_images=[
                    sr.SourceImageForMeasurementGroup(
                        reading.source.SOPClassUID, reading.source.SOPInstanceUID
                    )
                ],
            )


def _tracking(segment: Segment, identity: Identity) -> sr.TrackingIdentifier:
    return sr.TrackingIdentifier(
        uid=identity.tracking_uid(segment), identifier=identity.tracking_identifier(segment)
    )


def _measurements(
    findings: Findings, segment_number: int | None, identity: Identity
) -> list[sr.Measurement] | None:
    return [
        _measurement(one, identity)
        for one in findings.measurements
        if one.segment_number == segment_number
    ] or None


def _measurement(one: Measurement, identity: Identity) -> sr.Measurement:
    return sr.Measurement(
        name=concept(one.quantity),
        value=float(one.value),
        unit=concept(one.unit),
        derivation=None if one.derivation is None else concept(one.derivation),
        method=None if one.method is None else concept(one.method),
        algorithm_id=identity.sr_algorithm(),
    )


def _cover(role: Role, identity: Identity) -> Cover:
    return Cover(
        sop_instance_uid=identity.sop_instance_uid(role),
        series_instance_uid=identity.series_instance_uid(role),
        series_number=identity.series_number(role),
        series_description=identity.series_description(role),
        device_uid=derived_uid("device", identity.spec.name),
        equipment=identity.equipment(),
    )
