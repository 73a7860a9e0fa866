"""Instance: one C-STORE request as a file, and what its header says. Pixels are not decoded."""

import io
import re
import struct
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from services.listener.structure import content_hash, scan_structure
from shared.dicom.manifest import InstanceManifest, instance_manifest
from shared.dicom.uids import IMPLEMENTATION_CLASS_UID
from shared.errors import BadInputError

PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""Everything pydicom raises on bytes it cannot make sense of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """One C-STORE request: what the command said, and the data set as it came."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes

    def part10(self) -> bytes:
        """Return the request as a Part 10 file; equal requests give equal bytes for ever.

        For that the file meta has no Implementation Version Name (PS3.10 7.1, optional).
        """
        meta = FileMetaDataset()
        meta.FileMetaInformationGroupLength = 0
        meta.FileMetaInformationVersion = b"\x00\x01"
        meta.MediaStorageSOPClassUID = UID(self.sop_class_uid)
        meta.MediaStorageSOPInstanceUID = UID(self.sop_instance_uid)
        meta.TransferSyntaxUID = UID(self.transfer_syntax_uid)
        meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
        file = DicomBytesIO()
        # A zero preamble: what a sender puts there must not make the file executable.
        file.write(bytes(128) + b"DICM")
        write_file_meta_info(file, meta, enforce_standard=False)
        return file.getvalue() + self.data_set


def read_manifest(request: StoreRequest, content: bytes) -> InstanceManifest:
    """Check the bytes and read header attributes and content digest of one instance.

    Parameters
    ----------
    request
        What was sent.
    content
        The same as a Part 10 file.

    Raises
    ------
    BadInputError
        ``structure``, ``unreadable``, ``bad-uid``, ``uid-mismatch`` or ``no-pixels``; the reason
        never quotes a value.
    """
    content_digest = content_hash(request.transfer_syntax_uid)
    tags = scan_structure(request.data_set, request.transfer_syntax_uid, content_digest.update)
    try:
        dataset = dcmread(
            io.BytesIO(content), stop_before_pixels=True, specific_tags=list(_MANIFEST_KEYWORDS)
        )
        _require_uids(dataset)
        manifest = instance_manifest(dataset, request.transfer_syntax_uid)
    except PARSE_ERRORS as error:
        raise BadInputError(
            f"the header cannot be read ({type(error).__name__})", code="unreadable"
        ) from error
    said = (request.sop_class_uid, request.sop_instance_uid)
    if said != (manifest.sop_class_uid, manifest.sop_instance_uid):
        raise BadInputError(
            "the command and the data set name different SOP classes or instances",
            code="uid-mismatch",
        )
    if _needs_pixels(manifest.sop_class_uid, tags) and not tags & _PIXEL_TAGS:
        raise BadInputError("the image has no pixel data", code="no-pixels")
    return manifest.model_copy(update={"content_sha256": content_digest.hexdigest()})


# PS3.5 9.1: numbers without leading zeros, joined by dots, 64 characters at most.
_UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")

_UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

_MANIFEST_KEYWORDS = (
    *_UID_KEYWORDS,
    *("SpecificCharacterSet", "Modality", "Manufacturer", "ManufacturerModelName", "StationName"),
    *("SeriesDescription", "StudyDescription", "ProtocolName", "BodyPartExamined", "ImageType"),
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "NumberOfFrames"),
    *("Rows", "Columns", "InstanceNumber", "AcquisitionDateTime", "ContributingEquipmentSequence"),
)

_ROWS = 0x00280010
# Pixel data: integer, float, double; by reference (PS3.3 C.7.6.3); and spectroscopy (C.8.14.4).
_PIXEL_TAGS = frozenset((0x7FE00010, 0x7FE00008, 0x7FE00009, 0x00287FE0, 0x56000020))


def _require_uids(dataset: Dataset) -> None:
    for keyword in _UID_KEYWORDS:
        if not _UID.fullmatch(str(dataset.get(keyword) or "")):
            raise BadInputError(f"{keyword} is missing or not a UID", code="bad-uid")


def _needs_pixels(sop_class_uid: str, tags: frozenset[int]) -> bool:
    # A file cut exactly between two elements is well formed; an image without pixels is not.
    return _ROWS in tags or "Image Storage" in UID(sop_class_uid).name
