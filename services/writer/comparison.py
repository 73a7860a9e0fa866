"""Comparison: what the report on an image says of an earlier study, in codes and in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from services.writer.figures import Figure, figures_of
from services.writer.identity import Identity, concept
from services.writer.previous import Previous
from shared.dicom import codes
from shared.wording import amount
from workers.contract import ModelSpec
from workers.findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What to say: pairs of figures (then, now), and sentences.

    ``key`` tells it from every other comparison of the same image. ``study_date`` is that
    of the study reported on.
    """

    key: str
    previous: Previous
    study_date: str
    pairs: tuple[tuple[Figure, Figure], ...]
    notes: tuple[str, ...]


def compare(
    previous: Previous, findings: Sequence[Findings], spec: ModelSpec, study_date: str
) -> Comparison | None:
    """Return what to say of ``previous`` beside all ``findings`` of a job; often nothing.

    A change is stated only where one image was analysed then and one now.
    """
    analysed = [one for one in findings if one.eligible]
    if previous.outcome == "none" or not analysed:
        return None
    pairs: tuple[tuple[Figure, Figure], ...] = ()
    if previous.outcome == "found" and len(analysed) == 1:
        then = {one.key: one for one in previous.figures}
        now = figures_of(analysed[0], spec)
        pairs = tuple((then[one.key], one) for one in now if one.key in then)
    made_of = (previous.outcome, previous.study_date, previous.sop_instance_uid, len(analysed) > 1)
    return Comparison(
        key=" ".join(str(one) for one in made_of),
        previous=previous,
        study_date=study_date,
        pairs=pairs,
        notes=tuple(_notes(previous, pairs, len(analysed), spec)),
    )


def comparison_groups(
    comparison: Comparison, identity: Identity
) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """Yield, for each structure compared, a group of what was then and one of the change.

    TID 1501, told apart by their Time Point Context (TID 1502). Each number is inferred from the
    earlier report, by reference (PS3.3 A.35.13.3.1.2).
    """
    dates = (comparison.previous.study_date, comparison.study_date)
    for structure in dict.fromkeys(then.structure for then, _ in comparison.pairs):
        pairs = [pair for pair in comparison.pairs if pair[0].structure == structure]
        before = [_measurement(then, then.value, then.method, comparison) for then, _ in pairs]
        change = [
            _measurement(now, now.value - then.value, codes.CHANGE, comparison)
            for then, now in pairs
        ]
        times = (codes.PREVIOUS_TIME_POINT, codes.CURRENT_TIME_POINT)
        for order, measurements in enumerate((before, change), 1):
            yield _group(
                structure, measurements, (times[order - 1], dates[order - 1], order), identity
            )


def prior_evidence(comparison: Comparison) -> list[Dataset]:
    """Return what stands for the earlier report among the evidence, if it is referred to."""
    if not comparison.pairs:
        return []
    previous = comparison.previous
    report = Dataset()
    report.SOPClassUID = Comprehensive3DSRStorage
    report.SOPInstanceUID = previous.sop_instance_uid
    report.SeriesInstanceUID = previous.series_instance_uid
    report.StudyInstanceUID = previous.study_instance_uid
    return [report]


def _group(
    structure: tuple[str, str],
    measurements: list[sr.Measurement],
    time_point: tuple[Code, str, int],
    identity: Identity,
) -> sr.MeasurementsAndQualitativeEvaluations:
    kind, date, order = time_point
    role = ("previous", "change")[order - 1]
    segment = next((one for one in identity.spec.segments if _pair(one.type) == structure), None)
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=identity.uid("tracking", "comparison", identity.compared_with, *structure, role),
            identifier=f"{identity.tracking_identifier(segment)} {role}",
        ),
        time_point_context=sr.TimePointContext(
            time_point=_readable(date), time_point_type=concept(kind), time_point_order=order
        ),
        finding_type=None if segment is None else concept(segment.type),
        finding_category=None if segment is None else concept(segment.category),
        measurements=measurements,
    )


def _measurement(
    figure: Figure, value: float, method: Code | None, comparison: Comparison
) -> sr.Measurement:
    measurement = sr.Measurement(
        name=concept(figure.quantity),
        value=value,
        unit=concept(figure.unit),
        derivation=None if figure.derivation is None else concept(figure.derivation),
        method=None if method is None else concept(method),
    )
    reference = sr.CompositeContentItem(
        name=concept(codes.PRIOR_REPORT),
        referenced_sop_class_uid=Comprehensive3DSRStorage,
        referenced_sop_instance_uid=comparison.previous.sop_instance_uid,
        relationship_type=sr.RelationshipTypeValues.INFERRED_FROM,
    )
    number = measurement[0]
    below = list(number.get("ContentSequence") or [])
    number.ContentSequence = sr.ContentSequence([*below, reference])
    return measurement


def _notes(
    previous: Previous,
    pairs: Sequence[tuple[Figure, Figure]],
    analysed: int,
    spec: ModelSpec,
) -> Iterator[str]:
    if previous.outcome == "not-asked":
        yield "No comparison with earlier studies: the archive could not be asked for them."
        return
    begin = f"The study of {_readable(previous.study_date)} was analysed by this model, too"
    if previous.outcome == "several":
        yield f"{begin}, on several images: no change is stated, as nothing tells which fits."
    elif analysed > 1:
        yield f"{begin}. No change is stated: this study has {analysed} images that were analysed."
    elif not pairs:
        yield f"{begin}. No change is stated: no figure of both studies can be compared."
    else:
        yield (
            f"{begin}. Its figures are compared as a whole: single lesions are not found again"
            " between studies, and a change may also come from how the image was taken."
        )
        if not previous.site_stated:
            yield (
                "Neither study states the body part: whether both show the same site is for the"
                " reader to tell."
            )
        labels = {_pair(one.type): f"{one.label}: " for one in spec.segments}
        for then, now in pairs:
            what = labels.get(now.structure, "") + now.quantity.meaning
            change = now.value - then.value
            before, after, between = (
                amount(one, now.unit.value, now.unit.meaning)
                for one in (then.value, now.value, abs(change))
            )
            sign = "-" if change < 0 else "+"
            yield f"{what}: {before} then, {after} now, change {sign}{between}."


def _readable(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else "unknown date"


def _pair(code: Code) -> tuple[str, str]:
    return code.value, code.scheme_designator
