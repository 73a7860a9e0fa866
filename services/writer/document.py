"""Document: the frame of every TID 1500 report, whatever its groups say."""

from collections.abc import Sequence
from dataclasses import dataclass

from highdicom import sr
from pydicom.dataset import Dataset

from services.writer.identity import Equipment, concept
from shared.dicom import codes
from shared.dicom.manifest import MANUFACTURER

Group = (
    sr.VolumetricROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations
)

_DATED = (
    "The dates in this report's header are those of the image, or 1900-01-01 where it has none;"
    " they do not say when the report was written."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What names a report: its UIDs, number and description, and the device that observed."""

    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    series_description: str
    device_uid: str
    equipment: Equipment


def build_document(
    cover: Cover, groups: Sequence[Group], notes: Sequence[str], evidence: Sequence[Dataset]
) -> Dataset:
    """Return a Comprehensive 3D SR (PS3.3 A.35.13) with ``groups``, and ``notes`` as text.

    A last note says what its dates are: :func:`services.writer.fixes.pin_moments`.
    ``evidence`` are the headers of all objects that the groups refer to; those of other studies
    become Pertinent Other Evidence (PS3.3 C.17.2).
    """
    report = sr.MeasurementReport(
        observation_context=_observer(cover),
        procedure_reported=concept(codes.IMAGING_PROCEDURE),
        imaging_measurements=groups,
        title=concept(codes.MEASUREMENT_REPORT),
        # No Image Library: optional in TID 1500, and highdicom codes every Secondary Capture's
        # modality as "Other", which its context group does not hold.
        referenced_images=None,
    )
    report[0].ContentSequence.append(_words([*notes, _DATED]))
    return sr.Comprehensive3DSR(
        evidence=list(evidence),
        content=report[0],
        series_instance_uid=cover.series_instance_uid,
        series_number=cover.series_number,
        sop_instance_uid=cover.sop_instance_uid,
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=cover.series_description,
        **cover.equipment,
    )


def _observer(cover: Cover) -> sr.ObservationContext:
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=concept(codes.DEVICE),
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=cover.device_uid,
                name=MANUFACTURER,
                manufacturer_name=MANUFACTURER,
                model_name=cover.equipment["manufacturer_model_name"],
                serial_number=cover.equipment["device_serial_number"],
            ),
        )
    )


def _words(notes: Sequence[str]) -> sr.ContainerContentItem:
    """Return the Qualitative Evaluations container of TID 1500, rows 12 to 14, with text."""
    container = sr.ContainerContentItem(
        name=concept(codes.EVALUATIONS),
        relationship_type=sr.RelationshipTypeValues.CONTAINS,
    )
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(
                name=concept(codes.COMMENT),
                value=note,
                relationship_type=sr.RelationshipTypeValues.CONTAINS,
            )
            for note in notes
        ]
    )
    return container
