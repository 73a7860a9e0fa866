"""Factories: valid DICOM instances of every kind that reaches Cutis, small and without identity.

Each factory returns a dataset with pixels and file meta; ``save`` writes it. The same arguments
give the same bytes. Keyword arguments named after DICOM attributes override what a factory sets
(``None`` in place of a value deletes the attribute).
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ConfocalMicroscopyImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    VLPhotographicImageStorage,
)

from shared.dicom.uids import derived_uid

Pixels = npt.NDArray[Any]


def rgb_photo(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a VL Photographic image, RGB, without pixel spacing."""
    pixels = lesion_photo() if pixels is None else pixels
    dataset = _instance("photo", VLPhotographicImageStorage, "XC", pixels)
    dataset.AcquisitionContextSequence = []
    return _override(dataset, attributes)


def calibrated_photo(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a VL Photographic image with 0.1 mm pixels, calibrated by a ruler."""
    dataset = rgb_photo(pixels)
    _name(dataset, "calibrated-photo")
    dataset.PixelSpacing = [0.1, 0.1]
    dataset.PixelSpacingCalibrationType = "FIDUCIAL"
    dataset.PixelSpacingCalibrationDescription = "ruler"
    return _override(dataset, attributes)


def sc_photo(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return an RGB Secondary Capture, as photo bridges send them."""
    pixels = lesion_photo() if pixels is None else pixels
    dataset = _instance("sc-photo", SecondaryCaptureImageStorage, "XC", pixels)
    dataset.ConversionType = "DI"
    return _override(dataset, attributes)


def jpeg_photo(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a VL Photographic image in JPEG baseline, YBR_FULL_422 (lossy)."""
    pixels = lesion_photo() if pixels is None else pixels
    dataset = rgb_photo(pixels)
    _name(dataset, "jpeg-photo")
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling="4:2:2")
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.LossyImageCompressionRatio = "8"
    return _override(dataset, attributes)


def byte_stack(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a multi-frame grayscale byte SC, Modality OCT, without geometry (LC-OCT stack)."""
    pixels = layered_stack() if pixels is None else pixels
    sop_class = MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    dataset = _instance("byte-stack", sop_class, "OCT", pixels)
    _describe_frames(dataset)
    return _override(dataset, attributes)


def speckle_frames(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a multi-frame grayscale byte SC of raw laser speckle, 40 ms apart (LSCI)."""
    pixels = speckle() if pixels is None else pixels
    dataset = byte_stack(pixels)
    _name(dataset, "speckle-frames")
    dataset.Modality = "OT"
    dataset.ManufacturerModelName = "LSCI raw"
    dataset.SeriesDescription = "LSCI raw speckle"
    dataset.FrameTime = "40"
    return _override(dataset, attributes)


def word_stack(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a multi-frame grayscale word SC, 12 of 16 bits used."""
    pixels = layered_stack().astype(np.uint16) * 16 if pixels is None else pixels
    sop_class = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset = _instance("word-stack", sop_class, "OT", pixels)
    dataset.BitsStored, dataset.HighBit = 12, 11
    _describe_frames(dataset)
    return _override(dataset, attributes)


def bscan(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return one LC-OCT B-scan as SC, Modality OCT, nominal 1 µm pixels."""
    pixels = layered_stack()[0] if pixels is None else pixels
    dataset = _instance("bscan", SecondaryCaptureImageStorage, "OCT", pixels)
    dataset.ConversionType = "DI"
    dataset.NominalScannedPixelSpacing = [0.001, 0.001]
    return _override(dataset, attributes)


def confocal_sc(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return one confocal (RCM) image as SC, Modality CFM."""
    pixels = layered_stack()[0] if pixels is None else pixels
    dataset = _instance("confocal-sc", SecondaryCaptureImageStorage, "CFM", pixels)
    dataset.ConversionType = "DI"
    return _override(dataset, attributes)


def confocal(pixels: Pixels | None = None, **attributes: Any) -> Dataset:
    """Return a Confocal Microscopy Image (PS3.3 A.90.1): frame of reference, no positions."""
    pixels = layered_stack() if pixels is None else pixels
    dataset = _instance("confocal", ConfocalMicroscopyImageStorage, "CFM", pixels)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TISSUE", "NONE"]
    dataset.FrameOfReferenceUID = derived_uid("test", "frame-of-reference", "confocal")
    dataset.PositionReferenceIndicator, dataset.VolumetricProperties = "", "SAMPLED"
    dataset.AcquisitionContextSequence = []
    dataset.OpticalMagnificationFactor, dataset.ImageAcquisitionDepth = None, 0.05
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.0005, 0.0005], 0.003
    shared.PixelMeasuresSequence = [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [Dataset() for _ in pixels]
    for index, group in enumerate(dataset.PerFrameFunctionalGroupsSequence, 1):
        content = Dataset()
        content.DimensionIndexValues = [index]
        group.FrameContentSequence = [content]
    return _override(dataset, attributes)


def lesion_photo(rows: int = 120, columns: int = 160) -> Pixels:
    """Return (rows, columns, 3) uint8: skin with one dark ellipse."""
    y, x = np.mgrid[:rows, :columns]
    pixels = np.stack([200 + 20 * np.sin(x / 40), 160 + 10 * np.cos(y / 30), 140 + 0 * x], -1)
    pixels[lesion_mask(rows, columns)] = (150, 60, 70)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def lesion_mask(rows: int = 120, columns: int = 160) -> npt.NDArray[np.bool_]:
    """Return (rows, columns) bool: where :func:`lesion_photo` is dark."""
    y, x = np.mgrid[:rows, :columns]
    height, width = rows / 6, columns / 6
    inside = ((x - columns / 2) / width) ** 2 + ((y - rows / 2) / height) ** 2 < 1
    return np.asarray(inside, dtype=np.bool_)


def layered_stack(frames: int = 4, rows: int = 60, columns: int = 100) -> Pixels:
    """Return (frames, rows, columns) uint8: bright bands that wave from frame to frame."""
    y, x = np.mgrid[:rows, :columns]
    bands = [150 * np.exp(-(((y - 20 - 3 * np.sin(x / 9 + k)) / 12) ** 2)) for k in range(frames)]
    noise = np.random.default_rng(0).gamma(2, 10, (frames, rows, columns))
    return np.clip(np.stack(bands) + noise, 0, 255).astype(np.uint8)


def speckle(frames: int = 8, rows: int = 60, columns: int = 80) -> Pixels:
    """Return (frames, rows, columns) uint8: exponentially distributed intensities."""
    values = np.random.default_rng(0).exponential(60, (frames, rows, columns))
    return np.clip(values, 0, 255).astype(np.uint8)


def save(dataset: Dataset, path: Path) -> Path:
    """Write ``dataset`` as a Part 10 file and return ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def part10(dataset: Dataset) -> bytes:
    """Return ``dataset`` as the bytes of a Part 10 file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _instance(name: str, sop_class_uid: UID, modality: str, pixels: Pixels) -> Dataset:
    colour = pixels.shape[-1] == 3
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class_uid
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class_uid
    dataset.PatientName, dataset.PatientID = "Sample^Skin", "SKIN001"
    dataset.PatientBirthDate, dataset.PatientSex = "19800101", "F"
    dataset.StudyInstanceUID = derived_uid("test", "study")
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "A1", ""
    for day in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, day, "20250102")
    for time in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, time, "101500")
    dataset.AcquisitionDateTime = "20250102101500"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = modality, 1, 1
    dataset.Manufacturer, dataset.ManufacturerModelName = "SampleMaker", name
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "0", "0"
    dataset.SeriesDescription = name
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientOrientation, dataset.Laterality = None, None
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    if pixels.ndim - colour == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.PixelData = pixels.tobytes()
    _name(dataset, name)
    return dataset


def _name(dataset: Dataset, name: str) -> None:
    dataset.SOPInstanceUID = derived_uid("test", "instance", name)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesInstanceUID = derived_uid("test", "series", name)


def _describe_frames(dataset: Dataset) -> None:
    dataset.ConversionType = "DI"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    if int(dataset.NumberOfFrames) > 1:
        dataset.FrameIncrementPointer = 0x00181063
        dataset.FrameTime = "10"


def _override(dataset: Dataset, attributes: dict[str, Any]) -> Dataset:
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset
