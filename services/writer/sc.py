"""SC: the overlay as a colour Secondary Capture (PS3.3 A.8.1), which every viewer shows."""

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)

from services.writer.identity import Identity
from services.writer.plain import blank, reference

_ALWAYS_LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless})


def build_sc(picture: npt.NDArray[np.uint8], identity: Identity, index: int = 0) -> Dataset:
    """Return ``picture``, (rows, columns, 3) uint8 RGB, of image ``index`` of the group.

    The pictures of a group are one series, to be paged through like its images.
    """
    source = identity.sources[index]
    dataset = blank(identity, "sc", index)
    dataset.SOPClassUID, dataset.Modality = SecondaryCaptureImageStorage, "OT"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.DerivationDescription = identity.caution()[:1024]
    dataset.SourceImageSequence = [reference(one) for one in (source, *identity.derived_from)]
    dataset.PatientOrientation, dataset.Laterality = None, None
    # We draw no identity, but what the source had burned in is still there: only it can say.
    if source.get("BurnedInAnnotation"):
        dataset.BurnedInAnnotation = source.BurnedInAnnotation
    _copy_lossy_compression(dataset, source)
    _copy_colour_space(dataset, source)
    dataset.Rows, dataset.Columns = picture.shape[:2]
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    content = picture.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    return dataset


def _copy_lossy_compression(dataset: Dataset, source: Dataset) -> None:
    """Once lossy, always lossy (PS3.3 C.7.6.1.1.5). A source that does not say may be either."""
    said = source.get("LossyImageCompression")
    if source.file_meta.get("TransferSyntaxUID") in _ALWAYS_LOSSY:
        said = "01"
    if said:
        dataset.LossyImageCompression = said
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if source.get(keyword) and said == "01":
            setattr(dataset, keyword, source.get(keyword))


def _copy_colour_space(dataset: Dataset, source: Dataset) -> None:
    """Keep the ICC profile: the picture is drawn in the source's own colours (PS3.3 C.11.15)."""
    for keyword in ("ICCProfile", "ColorSpace"):
        if keyword in source and source.get("PhotometricInterpretation") != "MONOCHROME2":
            setattr(dataset, keyword, source.get(keyword))
