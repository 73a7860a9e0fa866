"""Fixes: what every result gets after highdicom has built it, up to its bytes.

Everything taken from clock or chance is pinned, so that the same UID means the same bytes;
patient and study come verbatim from the source; the file says that we wrote it.
"""

import io
import re

from pydicom import config, dcmwrite
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from services.writer.anatomy import anatomy
from shared.dicom import codes
from shared.dicom.manifest import MANUFACTURER
from shared.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    derived_uid,
)

# Patient, General Study and Patient Study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).
IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
"""What every result must hold of patient and study (type 2)."""

_OPTIONAL = (
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "IssuerOfAccessionNumberSequence",
    "OtherPatientIDsSequence",
    "EthnicGroup",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "TimezoneOffsetFromUTC",
)
_MOMENTS = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("StudyDate", "StudyTime"),
)
_NO_DATE, _NO_TIME = "19000101", "000000"  # where one must be given and none is known


def finish(result: Dataset, source: Dataset) -> bytes:
    """Return the Part 10 file of ``result``, which was made from ``source``."""
    copy_patient_and_study(result, source)
    anatomy(source).state(result)
    pin_moments(result, source)
    pin_dimensions(result)
    if result.SOPClassUID != SecondaryCaptureImageStorage:  # the picture holds no codes
        result.CodingSchemeIdentificationSequence = [_private_scheme()]
    result.SpecificCharacterSet = "ISO_IR 192"
    # highdicom sets the transfer syntax of what it compressed; the picture has no file meta yet.
    built_as = getattr(result, "file_meta", Dataset()).get("TransferSyntaxUID")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(result.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(result.SOPInstanceUID)
    meta.TransferSyntaxUID = built_as or ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    result.file_meta = meta
    stream = io.BytesIO()
    dcmwrite(stream, result, enforce_file_format=True)
    return stream.getvalue()


def copy_patient_and_study(result: Dataset, source: Dataset) -> None:
    """Copy patient and study from ``source``, whatever their values: the PACS matches on them."""
    for keyword in (*IDENTITY, *_OPTIONAL):
        tag = tag_for_keyword(keyword)
        if tag is not None and (keyword in source or keyword in IDENTITY):
            result[tag] = DataElement(
                tag,
                dictionary_VR(tag),
                source.get(keyword),
                validation_mode=config.IGNORE,
            )
    result.StudyInstanceUID = source.StudyInstanceUID


def moment(source: Dataset) -> tuple[str, str]:
    """Return the date and time that the results of ``source`` carry: when it was acquired.

    What is not known is empty. The true time of writing is in the job's log; here it would make
    equal work differ.
    """
    for date_keyword, time_keyword in _MOMENTS:
        date, time = (str(source.get(one) or "") for one in (date_keyword, time_keyword))
        if re.fullmatch(r"\d{8}", date):
            return date, time if re.fullmatch(r"\d{6}(\.\d{1,6})?", time) else ""
    return "", ""


def pin_moments(result: Dataset, source: Dataset) -> None:
    """Replace what was read from the clock by the moment of ``source``, or by nothing.

    Only Content Date and Time cannot be left out, but of a picture (type 1 in PS3.3 C.7.6.16.1 and
    C.17.2): they, and the creation of a presentation state, are then 1900-01-01 and 00:00:00.
    """
    date, time = moment(source)
    # When the object or the contribution was made is type 3 (PS3.3 C.12.1): left out, not untrue.
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        _set_or_remove(result, keyword, "")
    for name in ("Series", "Content"):
        _set_or_remove(result, f"{name}Date", date)
        _set_or_remove(result, f"{name}Time", time)
    if "PresentationCreationDate" in result:  # type 1 in PS3.3 C.11.10; has no content date
        for keyword in ("ContentDate", "ContentTime"):
            _set_or_remove(result, keyword, "")
        result.PresentationCreationDate = date or _NO_DATE
        result.PresentationCreationTime = time or _NO_TIME
    elif result.SOPClassUID != SecondaryCaptureImageStorage:
        result.ContentDate, result.ContentTime = date or _NO_DATE, time or _NO_TIME
    for equipment in result.get("ContributingEquipmentSequence") or []:
        _set_or_remove(equipment, "ContributionDateTime", "")


def pin_dimensions(result: Dataset) -> None:
    """Derive the Dimension Organization UID, which highdicom draws at random."""
    uid = derived_uid("dimensions", str(result.SOPInstanceUID))
    for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in result.get(keyword) or []:
            item.DimensionOrganizationUID = uid


def _set_or_remove(dataset: Dataset, keyword: str, value: str) -> None:
    if value:
        setattr(dataset, keyword, value)
    elif keyword in dataset:
        delattr(dataset, keyword)


def _private_scheme() -> Dataset:
    """Return what 99CUTIS is (PS3.3 C.12.1.1.7); its dictionary is docs/conformance.md."""
    item = Dataset()
    item.CodingSchemeDesignator = codes.SCHEME
    item.CodingSchemeName = f"{MANUFACTURER} private codes"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item
