"""Wrapping: puts phantom pixels into valid DICOM instances of a patient who does not exist."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    VLPhotographicImageStorage,
)

from shared.dicom.uids import IMPLEMENTATION_CLASS_UID, derived_uid

Pixels = npt.NDArray[np.uint8]

_FRAME_TIME = 0x00181063


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesIdentity:
    """Which phantom study a series belongs to, and what it is called.

    ``study`` names the study: equal names, equal UIDs. ``laterality`` and body part are unknown.
    """

    study: str
    number: int
    modality: str
    description: str
    device: str

    @property
    def study_instance_uid(self) -> str:
        """The UID of the study, derived from its name."""
        return derived_uid("phantom", self.study)


def photograph(
    pixels: Pixels, series: SeriesIdentity, *, spacing_mm: float | None, jpeg: bool
) -> Dataset:
    """Return (rows, columns, 3) RGB as VL Photographic Image (PS3.3 A.32.4).

    ``jpeg`` compresses it as cameras do: JPEG baseline, YBR_FULL_422.
    """
    dataset = _instance(VLPhotographicImageStorage, series, pixels, colour=True)
    dataset.AcquisitionContextSequence = []
    _calibrate(dataset, spacing_mm)
    if jpeg:
        _compress(dataset, pixels)
    return dataset


def secondary_capture(
    pixels: Pixels, series: SeriesIdentity, *, spacing_mm: float | None
) -> Dataset:
    """Return (rows, columns) as grayscale Secondary Capture Image (PS3.3 A.8.1)."""
    dataset = _instance(SecondaryCaptureImageStorage, series, pixels, colour=False)
    dataset.ConversionType = "DI"
    _calibrate(dataset, spacing_mm)
    return dataset


def frame_stack(
    pixels: Pixels, series: SeriesIdentity, *, spacing_mm: float | None, frame_time_ms: float
) -> Dataset:
    """Return (frames, rows, columns) as Multi-frame Grayscale Byte SC (PS3.3 A.8.3)."""
    sop_class = MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    dataset = _instance(sop_class, series, pixels, colour=False)
    dataset.ConversionType = "DI"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.NumberOfFrames = len(pixels)
    dataset.FrameIncrementPointer = _FRAME_TIME
    dataset.FrameTime = f"{frame_time_ms:g}"
    _calibrate(dataset, spacing_mm)
    return dataset


def _instance(sop_class: UID, series: SeriesIdentity, pixels: Pixels, *, colour: bool) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _identify(dataset, sop_class, series)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    shape = pixels.shape[:-1] if colour else pixels.shape
    dataset.Rows, dataset.Columns = shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    content = pixels.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    return dataset


def _identify(dataset: Dataset, sop_class: UID, series: SeriesIdentity) -> None:
    dataset.SOPClassUID = sop_class
    dataset.StudyInstanceUID = series.study_instance_uid
    dataset.SeriesInstanceUID = derived_uid("phantom", series.study, str(series.number))
    dataset.SOPInstanceUID = derived_uid("phantom", series.study, str(series.number), "1")
    dataset.PatientName = f"Phantom^{series.study.title()}"
    dataset.PatientID = f"PHANTOM-{series.study.upper()}"
    dataset.PatientBirthDate, dataset.PatientSex = "", "O"
    dataset.StudyID, dataset.AccessionNumber = "1", ""
    dataset.ReferringPhysicianName = ""
    for day in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, day, "20250101")
    for time in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, time, "120000")
    dataset.AcquisitionDateTime = "20250101120000"
    dataset.StudyDescription = "Phantom, not a patient"
    dataset.SeriesDescription = series.description
    dataset.Modality = series.modality
    dataset.SeriesNumber, dataset.InstanceNumber = series.number, 1
    dataset.Manufacturer, dataset.ManufacturerModelName = "Phantom", series.device
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "0", "1"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientOrientation, dataset.Laterality = None, None


def _calibrate(dataset: Dataset, spacing_mm: float | None) -> None:
    if spacing_mm is None:
        return
    dataset.PixelSpacing = [spacing_mm, spacing_mm]
    dataset.PixelSpacingCalibrationType = "FIDUCIAL"
    dataset.PixelSpacingCalibrationDescription = "size of a phantom pixel, known exactly"


def _compress(dataset: Dataset, pixels: Pixels) -> None:
    stream: Any = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=92, subsampling="4:2:2")
    content = stream.getvalue()
    dataset.PixelData = encapsulate([content])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.LossyImageCompressionRatio = f"{pixels.size / len(content):.4g}"
