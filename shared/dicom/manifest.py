"""Manifest: what arrived of a study, as far as routing needs it. No pixels, no identity."""

from dataclasses import dataclass
from itertools import islice
from typing import Any
from unicodedata import category

from pydantic import BaseModel, ConfigDict
from pydicom.dataset import Dataset

LONGEST_TEXT = 1024
MOST_TEXTS = 16

MANUFACTURER = "Cutis"
"""What we write into (0008,0070) of every result; the loop guard reads it back."""


class InstanceManifest(BaseModel):
    """One received instance: identifiers and the attributes that routing may match on.

    ``content_sha256`` is the digest of the data set whatever its encoding; empty: not known.
    """

    model_config = ConfigDict(frozen=True)

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    content_sha256: str = ""
    transfer_syntax_uid: str = ""
    modality: str = ""
    manufacturer: str = ""
    manufacturer_model_name: str = ""
    station_name: str = ""
    series_description: str = ""
    study_description: str = ""
    protocol_name: str = ""
    body_part_examined: str = ""
    image_type: tuple[str, ...] = ()
    samples_per_pixel: int = 0
    photometric_interpretation: str = ""
    bits_allocated: int = 0
    number_of_frames: int = 0
    rows: int = 0
    columns: int = 0
    instance_number: int = 0
    acquisition_datetime: str = ""
    contributing_manufacturers: tuple[str, ...] = ()

    @property
    def is_own_result(self) -> bool:
        """Whether Cutis made this instance (manufacturer or contributing equipment is ours)."""
        return MANUFACTURER in (self.manufacturer, *self.contributing_manufacturers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesManifest:
    """The instances of one series, in order of instance number, then SOP Instance UID."""

    series_instance_uid: str
    instances: tuple[InstanceManifest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyManifest:
    """The series of one study revision, in order of series UID."""

    study_instance_uid: str
    series: tuple[SeriesManifest, ...]
    calling_ae_titles: frozenset[str] = frozenset()


def instance_manifest(dataset: Dataset, transfer_syntax_uid: str = "") -> InstanceManifest:
    """Read the manifest of one instance.

    Unreadable optional attributes count as absent: routing must not fail on a bad description.
    Texts are cut at ``LONGEST_TEXT`` characters, lists at ``MOST_TEXTS`` items: they are read at
    every routing, and a VR that allows 4 GiB must not fill the database.

    Raises
    ------
    ValueError
        One of the four identifying UIDs is missing (pydantic's ``ValidationError`` is one).
    """
    return InstanceManifest.model_validate(
        {
            "sop_instance_uid": dataset.SOPInstanceUID,
            "sop_class_uid": dataset.SOPClassUID,
            "series_instance_uid": dataset.SeriesInstanceUID,
            "study_instance_uid": dataset.StudyInstanceUID,
            "transfer_syntax_uid": transfer_syntax_uid,
            "modality": _text(dataset, "Modality"),
            "manufacturer": _text(dataset, "Manufacturer"),
            "manufacturer_model_name": _text(dataset, "ManufacturerModelName"),
            "station_name": _text(dataset, "StationName"),
            "series_description": _text(dataset, "SeriesDescription"),
            "study_description": _text(dataset, "StudyDescription"),
            "protocol_name": _text(dataset, "ProtocolName"),
            "body_part_examined": _text(dataset, "BodyPartExamined"),
            "image_type": _texts(dataset, "ImageType"),
            "samples_per_pixel": _number(dataset, "SamplesPerPixel"),
            "photometric_interpretation": _text(dataset, "PhotometricInterpretation"),
            "bits_allocated": _number(dataset, "BitsAllocated"),
            "number_of_frames": _number(dataset, "NumberOfFrames", 1 if "Rows" in dataset else 0),
            "rows": _number(dataset, "Rows"),
            "columns": _number(dataset, "Columns"),
            "instance_number": _number(dataset, "InstanceNumber"),
            "acquisition_datetime": _text(dataset, "AcquisitionDateTime"),
            "contributing_manufacturers": _contributors(dataset),
        }
    )


def study_manifest(
    study_instance_uid: str,
    instances: list[InstanceManifest],
    calling_ae_titles: frozenset[str] = frozenset(),
) -> StudyManifest:
    """Group ``instances`` by series, in a stable order."""
    by_series: dict[str, list[InstanceManifest]] = {}
    for instance in instances:
        by_series.setdefault(instance.series_instance_uid, []).append(instance)
    return StudyManifest(
        study_instance_uid=study_instance_uid,
        calling_ae_titles=calling_ae_titles,
        series=tuple(
            SeriesManifest(
                series_instance_uid=uid,
                instances=tuple(
                    sorted(members, key=lambda one: (one.instance_number, one.sop_instance_uid))
                ),
            )
            for uid, members in sorted(by_series.items())
        ),
    )


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except (ValueError, TypeError, NotImplementedError, OverflowError):
        return None


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    return "" if value is None else _printable(value)


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    value = _value(dataset, keyword)
    if value is None:
        return ()
    values = (value,) if isinstance(value, str) else value
    return tuple(_printable(one) for one in islice(values, MOST_TEXTS))


def _contributors(dataset: Dataset) -> tuple[str, ...]:
    items = dataset.get("ContributingEquipmentSequence", None) or ()
    names = dict.fromkeys(_text(item, "Manufacturer") for item in items)
    first = tuple(islice(names, MOST_TEXTS))
    # The loop guard reads this list: we must not be cut off it.
    return (*first, MANUFACTURER) if MANUFACTURER in names and MANUFACTURER not in first else first


def _printable(value: Any) -> str:
    """Return a text with spaces for what is no character: PostgreSQL reads no NUL from JSON."""
    text = str(value)[:LONGEST_TEXT]
    return "".join(" " if category(one) in {"Cc", "Cs"} else one for one in text).strip()


def _number(dataset: Dataset, keyword: str, default: int = 0) -> int:
    value = _value(dataset, keyword)
    try:
        return default if value is None else int(value)
    except (ValueError, TypeError, OverflowError):
        return default
