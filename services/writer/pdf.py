"""PDF: the pictures of a group as one Encapsulated PDF (PS3.3 A.45.1): no viewer needed."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from services.writer.identity import Identity

MAX_PAGES = 20
"""Of a long series the first pictures only: a PDF is for a quick look."""

_DOTS_PER_INCH = 150.0


def build_pdf(pictures: Sequence[npt.NDArray[np.uint8]], identity: Identity) -> Dataset:
    """Return one page for each picture, (rows, columns, 3) uint8 RGB; the same, the same bytes."""
    document = _document(pictures)
    source = identity.source
    dataset = Dataset()
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = identity.sop_instance_uid("pdf")
    dataset.SeriesInstanceUID = identity.series_instance_uid("pdf")
    dataset.SeriesNumber, dataset.InstanceNumber = identity.series_number("pdf"), 1
    dataset.SeriesDescription = identity.series_description("pdf")
    dataset.Modality, dataset.ConversionType = "DOC", "WSD"
    equipment = identity.equipment()
    dataset.Manufacturer = equipment["manufacturer"]
    dataset.ManufacturerModelName = equipment["manufacturer_model_name"]
    dataset.SoftwareVersions = equipment["software_versions"]
    dataset.DeviceSerialNumber = equipment["device_serial_number"]
    dataset.AcquisitionDateTime = None
    # We draw no identity. What the source does not exclude, we cannot exclude either.
    dataset.BurnedInAnnotation = source.get("BurnedInAnnotation") or "YES"
    dataset.SourceInstanceSequence = [
        _reference(one) for one in (*identity.sources, *identity.derived_from)
    ]
    dataset.DocumentTitle = identity.series_description("pdf")
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    dataset.EncapsulatedDocumentLength = len(document)
    return dataset


def _document(pictures: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    first, *rest = [Image.fromarray(one) for one in pictures]
    stream = io.BytesIO()
    # No dates: those of the clock would make equal documents differ.
    undated = {"creationDate": None, "modDate": None}
    first.save(
        stream,
        "PDF",
        save_all=True,
        append_images=rest,
        resolution=_DOTS_PER_INCH,
        quality=90,
        **undated,
    )
    return stream.getvalue()


def _reference(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item
