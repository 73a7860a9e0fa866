"""PDF: the pictures of a group as one Encapsulated PDF (PS3.3 A.45.1): no viewer needed."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from services.writer.icc import picture_in_srgb
from services.writer.identity import Identity
from services.writer.plain import blank, reference

MAX_PAGES = 20
"""Of a long series the first pictures only: a PDF is for a quick look."""

_DOTS_PER_INCH = 150.0


def build_pdf(pictures: Sequence[npt.NDArray[np.uint8]], identity: Identity) -> Dataset:
    """Return one page for each picture, (rows, columns, 3) uint8 RGB; the same, the same bytes.

    Picture *k* is of source *k*; its colours become sRGB, which is what PDF readers take them for.
    """
    document = _document(pictures, identity.sources)
    source = identity.source
    dataset = blank(identity, "pdf")
    dataset.SOPClassUID, dataset.Modality = EncapsulatedPDFStorage, "DOC"
    dataset.AcquisitionDateTime = None
    # We draw no identity. What the source does not exclude, we cannot exclude either.
    dataset.BurnedInAnnotation = source.get("BurnedInAnnotation") or "YES"
    dataset.SourceInstanceSequence = [
        reference(one) for one in (*identity.sources, *identity.derived_from)
    ]
    dataset.DocumentTitle = identity.series_description("pdf")
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    dataset.EncapsulatedDocumentLength = len(document)
    return dataset


def _document(pictures: Sequence[npt.NDArray[np.uint8]], sources: Sequence[Dataset]) -> bytes:
    # There are pictures of the first sources only (``MAX_PAGES``).
    pairs = zip(pictures, sources, strict=False)
    first, *rest = [picture_in_srgb(picture, source) for picture, source in pairs]
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
