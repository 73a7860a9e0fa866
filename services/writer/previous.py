"""Previous: which earlier result of the same patient a job's figures are compared with.

The archive is asked, because Cutis keeps no patient identity: by C-FIND for the patient's studies
(an ID in a URL would stand in access logs), by DICOMweb for what those hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pydicom.dataset import Dataset

from services.writer.figures import Figure
from services.writer.identity import Identity
from services.writer.own_report import OwnReport

MAX_STUDIES = 30
"""How many earlier studies are looked into, the latest first."""

Outcome = Literal["none", "found", "several", "not-asked"]


class Archive(Protocol):
    """What is asked of the archive; see :mod:`services.writer.history`."""

    def studies_of(self, patient_id: str) -> list[Dataset]:
        """Return the studies of a patient: UID, date and time."""
        ...

    def series_of(self, study_instance_uid: str, modality: str) -> dict[str, str]:
        """Return series and their descriptions."""
        ...

    def metadata(
        self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str = ""
    ) -> list[Dataset]:
        """Return instances without bulk data."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """An earlier result: its report on the image, its study's date (YYYYMMDD), its figures.

    ``outcome`` is ``none`` (there is none), ``found``, ``several`` (more than one image of that
    study was analysed, so there are no figures *of the study*) or ``not-asked`` (the archive could
    not be asked). ``site_stated`` says whether both images state the same body part.
    """

    outcome: Outcome
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    study_date: str = ""
    site_stated: bool = False
    figures: tuple[Figure, ...] = ()


_NEVER = ("", "")

NONE, NOT_ASKED = Previous(outcome="none"), Previous(outcome="not-asked")


def find_previous(archive: Archive, source: Dataset, identity: Identity) -> Previous:
    """Return the latest earlier result that the figures of ``source`` can be compared with.

    It is by the same model, version, parameters and weights, of an image of the same kind that
    states the same body part and side, or as little of them as ``source`` does. ``source`` is the
    header with the patient's identity.

    Raises what the archive's methods raise.
    """
    for study in _earlier(archive, source):
        reports = list(_reports(archive, str(study.StudyInstanceUID), source, identity))
        analysed = {
            uid: report
            for report in sorted(reports, key=lambda one: (one.writer, one.name))
            for uid in report.analysed_images()
        }  # of two writers' reports on one image, the newer's
        images = [
            uid for uid, report in analysed.items() if _is_alike(archive, report, uid, source)
        ]
        if len(images) > 1:
            return Previous(outcome="several", study_date=str(study.StudyDate))
        if images:
            about = analysed[images[0]]
            figures = {
                figure.key: figure
                for report in reports
                if report.writer == about.writer and report.is_about(images[0])
                for figure in report.figures()
            }
            return Previous(
                outcome="found",
                study_instance_uid=str(study.StudyInstanceUID),
                series_instance_uid=str(about.dataset.SeriesInstanceUID),
                sop_instance_uid=about.name,
                study_date=str(study.StudyDate),
                site_stated=any(_site(source)[:2]),
                figures=tuple(figures.values()),
            )
    return NONE


def _earlier(archive: Archive, source: Dataset) -> list[Dataset]:
    """Return the studies of the patient before that of ``source``, the latest first."""
    patient_id, now = _said(source, "PatientID"), _moment(source)
    if not patient_id or "\\" in patient_id or now == _NEVER:
        return []
    earlier = [one for one in archive.studies_of(patient_id) if _NEVER < _moment(one) < now]
    return sorted(earlier, key=_moment, reverse=True)[:MAX_STUDIES]


def _moment(study: Dataset) -> tuple[str, str]:
    date = _said(study, "StudyDate")
    return (date, _said(study, "StudyTime")) if len(date) == 8 and date.isdigit() else _NEVER


def _reports(
    archive: Archive, study_instance_uid: str, source: Dataset, identity: Identity
) -> Iterator[OwnReport]:
    """Yield the reports of a study that this model wrote about this patient."""
    wanted = {identity.series_description("sr"), identity.series_description("sr-image"), ""}
    for series, description in sorted(archive.series_of(study_instance_uid, "SR").items()):
        if description in wanted:
            for dataset in archive.metadata(study_instance_uid, series):
                report = OwnReport(dataset, identity)
                if _is_of_patient(dataset, source) and report.is_ours:
                    yield report


def _is_of_patient(report: Dataset, source: Dataset) -> bool:
    """Say whether both are of one patient: an ID alone may have been given twice."""
    if any(_said(report, one) != _said(source, one) for one in ("PatientID", "IssuerOfPatientID")):
        return False
    pairs = [(_said(report, one), _said(source, one)) for one in ("PatientBirthDate", "PatientSex")]
    return all(then == now for then, now in pairs if then and now)


def _is_alike(archive: Archive, report: OwnReport, uid: str, source: Dataset) -> bool:
    """Say whether an image is of the same kind, device and site as ``source``."""
    place = report.place_of(uid)
    for image in archive.metadata(*place, uid) if place else []:
        return _kind(image) == _kind(source) and _site(image) == _site(source)
    return False


def _kind(image: Dataset) -> tuple[object, ...]:
    """Return how an image was made: units of perfusion are each device's own."""
    return (
        image.get("SOPClassUID"),
        image.get("SamplesPerPixel"),
        int(image.get("NumberOfFrames") or 1) > 1,
        *(_said(image, one) for one in ("Modality", "Manufacturer", "ManufacturerModelName")),
    )


def _site(image: Dataset) -> tuple[str, ...]:
    """Return what an image states of its place on the body."""
    regions = image.get("AnatomicRegionSequence") or []
    region = _said(regions[0], "CodeValue") if regions else ""
    side = _said(image, "ImageLaterality") or _said(image, "Laterality")
    return _said(image, "BodyPartExamined").upper(), region, side.upper()


def _said(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()
