"""Absence: a short report that says what did not run on a study, and why (TID 1500)."""

from collections.abc import Sequence
from pathlib import Path

from highdicom import sr
from pydicom.dataset import Dataset

from services.writer.document import Cover, build_document
from services.writer.fixes import finish
from services.writer.geometry import header_copy
from services.writer.identity import WRITER_VERSION, Equipment, concept
from services.writer.reading import read_header
from services.writer.results import ENCODING_ERRORS, BuiltResult
from shared.db.absences import Absence
from shared.dicom import codes
from shared.dicom.manifest import MANUFACTURER
from shared.dicom.uids import derived_uid
from shared.errors import PermanentError

_DEVICE = "absence"
_DESCRIPTION = f"{MANUFACTURER}: not analysed (research)"
_NOTES = (
    f"Research use only: not for diagnosis or treatment. {MANUFACTURER} did not analyse what is"
    " listed here. That nothing is marked in these images says nothing about the skin.",
    "Results that come later, after a retry or with more images, take the place of this notice.",
)
_EQUIPMENT: Equipment = {
    "manufacturer": MANUFACTURER,
    "manufacturer_model_name": MANUFACTURER,
    "software_versions": f"writer {WRITER_VERSION}",
    "device_serial_number": _DEVICE,
}


def build_absence(absences: Sequence[Absence], paths: Sequence[Path]) -> BuiltResult:
    """Return the report on ``absences``, which are of one study; each has one image in ``paths``.

    The same absences give the same bytes under the same UID, so that telling them twice stores
    nothing twice.

    Raises
    ------
    BadInputError, TransientError
        An image cannot be read as DICOM, or not from disk.
    PermanentError
        The report cannot be encoded (``encoding``).
    """
    headers = [read_header(path) for path in paths]
    try:
        dataset = _document(absences, headers)
        content = finish(dataset, headers[0])
    except ENCODING_ERRORS as error:
        raise PermanentError("the notice cannot be encoded", code="encoding") from error
    return BuiltResult(
        role="absence",
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        study_instance_uid=str(headers[0].StudyInstanceUID),
        series_description=str(dataset.SeriesDescription),
        source_sop_instance_uid=str(headers[0].SOPInstanceUID),
        content=content,
    )


def _document(absences: Sequence[Absence], headers: Sequence[Dataset]) -> Dataset:
    names = [part for one in absences for part in (one.series_instance_uid, one.model, one.reason)]
    made_of = (str(headers[0].StudyInstanceUID), WRITER_VERSION, *names)
    series_instance_uid = derived_uid("absence", *made_of, "series")
    cover = Cover(
        sop_instance_uid=derived_uid("absence", *made_of),
        series_instance_uid=series_instance_uid,
        series_number=99_000_000 + int(series_instance_uid.removeprefix("2.25.")) % 1_000_000,
        series_description=_DESCRIPTION,
        device_uid=derived_uid("device", _DEVICE),
        equipment=_EQUIPMENT,
    )
    sources = [header_copy(one) for one in headers]
    groups = [
        _group(one, source, derived_uid("absence", *made_of, "tracking", str(index)))
        for index, (one, source) in enumerate(zip(absences, sources, strict=True))
    ]
    evidence = {str(one.SOPInstanceUID): one for one in sources}
    words = [f"{one.model or 'No model'}: {one.reason}" for one in absences]
    return build_document(
        cover, groups, list(dict.fromkeys([*_NOTES, *words])), list(evidence.values())
    )


def _group(absence: Absence, source: Dataset, uid: str) -> sr.MeasurementsAndQualitativeEvaluations:
    answer = codes.ANALYSIS_FAILED if absence.failed else codes.NOT_ANALYSED
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid, identifier=f"{absence.model or 'series'} not analysed"
        ),
        qualitative_evaluations=[
            sr.QualitativeEvaluation(concept(codes.ANALYSIS), concept(answer))
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)
        ],
    )
