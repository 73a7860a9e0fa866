"""Inputs: one series of every kind that reaches Cutis, in every transfer syntax we can write.

``INPUTS`` names them, ``series_of`` makes the instances of one. Where a pixel encoding changes
nothing else, the instance is one of ``tests.factories`` compressed.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    RLELossless,
)

from services.writer.geometry import neutral_copy
from shared.dicom.uids import derived_uid
from tests import factories
from tests.conformance import perfusion_maps

HTJ2K_BSCAN = Path(__file__).with_name("bscan.j2c")
"""``factories.layered_stack()[0]`` as OpenJPH compresses it; pydicom has no HTJ2K encoder."""


def series_of(name: str) -> list[Dataset]:
    """Return the instances of input ``name``, with UIDs of its own: many share their pixels."""
    made = INPUTS[name]()
    images = made if isinstance(made, list) else [made]
    for index, one in enumerate(images):
        one.SOPInstanceUID = derived_uid("conformance", name, str(index))
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.SeriesInstanceUID = derived_uid("conformance", name)
    return images


def palette_photo() -> Dataset:
    """Return the sample photo in 256 colours, PALETTE COLOR with 16-bit tables."""
    picture = Image.fromarray(factories.lesion_photo()).quantize(256)
    dataset = factories.sc_photo()
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "PALETTE COLOR"
    del dataset.PlanarConfiguration
    dataset.PixelData = np.asarray(picture).tobytes()
    table = np.zeros(768, np.uint16)
    colours = np.asarray(picture.getpalette(), np.uint16)
    table[: len(colours)] = colours * 257
    for index, name in enumerate(("Red", "Green", "Blue")):
        values = np.ascontiguousarray(table[index::3])
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", values.tobytes())
    return dataset


def ybr_photo() -> Dataset:
    """Return the sample photo as uncompressed YBR_FULL."""
    dataset = factories.sc_photo()
    picture = Image.fromarray(factories.lesion_photo()).convert("YCbCr")
    dataset.PhotometricInterpretation = "YBR_FULL"
    dataset.PixelData = np.asarray(picture).tobytes()
    return dataset


def profiled_photo() -> Dataset:
    """Return the sample photo with the ICC profile of its colours (sRGB)."""
    return factories.rgb_photo(ICCProfile=_srgb_of_a_display())


def sided_photo() -> Dataset:
    """Return the sample photo of a left upper arm, which it states in three ways."""
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "40983000", "SCT"
    region.CodeMeaning = "Upper arm"
    return factories.rgb_photo(
        Laterality="L", BodyPartExamined="ARM", AnatomicRegionSequence=[region]
    )


def inverted_bscan() -> Dataset:
    """Return a B-scan as MONOCHROME1: low values are bright."""
    dataset = factories.bscan(255 - factories.layered_stack()[0])
    dataset.PhotometricInterpretation = "MONOCHROME1"
    return dataset


def deep_bscan() -> Dataset:
    """Return a B-scan of 16 bits."""
    return factories.bscan(factories.layered_stack()[0].astype(np.uint16) * 257)


def htj2k_bscan() -> Dataset:
    """Return a B-scan in HTJ2K, lossless."""
    return _encapsulated(factories.bscan(), HTJ2K_BSCAN.read_bytes(), HTJ2KLossless)


def placed_stack() -> Dataset:
    """Return a stack with functional groups: rows run into depth, frames 5 µm apart."""
    source = factories.byte_stack()
    placed = neutral_copy(source, "1.2.3.4", int(source.NumberOfFrames))
    # Only in the groups: their place in this class (PS3.3 A.8.3.4).
    for keyword in ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"):
        delattr(placed, keyword)
    del placed.ImagePositionPatient, placed.ImageOrientationPatient
    for keyword in ("PatientName", "PatientID", "StudyID", "AccessionNumber", "StudyDate"):
        setattr(placed, keyword, source.get(keyword))
    placed.PixelData = source.PixelData
    shared = placed.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    (measures,) = shared.PixelMeasuresSequence
    measures.PixelSpacing = [0.001, 0.002]
    measures.SliceThickness = measures.SpacingBetweenSlices = 0.005
    for index, group in enumerate(placed.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, round(0.005 * index, 3), 0]
    return placed


def true_colour_photo() -> Dataset:
    """Return the sample photo as multi-frame true colour SC with one frame."""
    dataset = factories.sc_photo()
    dataset.SOPClassUID = MultiFrameTrueColorSecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.NumberOfFrames = 1
    return dataset


def field_of_view_confocal() -> Dataset:
    """Return a Confocal Microscopy Image whose size is told by its field of view alone."""
    dataset = factories.confocal(factories.layered_stack(frames=1))
    del dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    dataset.FieldOfViewShape, dataset.FieldOfViewDimensions = "RECTANGLE", [3, 5]
    return dataset


def single_bscans(count: int = 3) -> list[Dataset]:
    """Return ``count`` B-scans that are instances of one series."""
    series = []
    for index, pixels in enumerate(factories.layered_stack(frames=count)):
        series.append(factories.bscan(pixels, InstanceNumber=index + 1))
    return series


def photos_of_two_sizes() -> list[Dataset]:
    """Return three photos of one series; one is larger."""
    series = []
    for index, shape in enumerate(((120, 160), (120, 160), (150, 210))):
        pixels = factories.lesion_photo(*shape)
        series.append(factories.rgb_photo(pixels, InstanceNumber=index + 1))
    return series


@cache
def _srgb_of_a_display() -> bytes:
    # Once: a profile holds when it was made, and equal inputs must have equal bytes.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile + b"\0" * (len(profile) % 2)


def _compressed(dataset: Dataset, transfer_syntax: UID, **arguments: Any) -> Dataset:
    dataset.compress(transfer_syntax, generate_instance_uid=False, **arguments)
    if transfer_syntax in (JPEG2000, JPEGLSNearLossless):
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "8"
        method = "ISO_15444_1" if transfer_syntax == JPEG2000 else "ISO_14495_1"
        dataset.LossyImageCompressionMethod = method
    return dataset


def _encapsulated(dataset: Dataset, codestream: bytes, transfer_syntax: UID) -> Dataset:
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    return dataset


def _uncompressed(dataset: Dataset, transfer_syntax: UID) -> Dataset:
    """Return ``dataset`` in another byte order or VR encoding."""
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    return dataset


INPUTS: dict[str, Callable[[], Dataset | list[Dataset]]] = {
    "VL photo, RGB": factories.rgb_photo,
    "VL photo, implicit VR": lambda: _uncompressed(factories.rgb_photo(), ImplicitVRLittleEndian),
    "VL photo, big endian": lambda: _uncompressed(factories.rgb_photo(), ExplicitVRBigEndian),
    "VL photo, JPEG YBR_FULL_422": factories.jpeg_photo,
    "VL photo, spacing by ruler": factories.calibrated_photo,
    "VL photo, ICC profile": profiled_photo,
    "VL photo, odd rows and columns": lambda: factories.rgb_photo(factories.lesion_photo(91, 121)),
    "VL photo, JPEG 2000 lossless": lambda: _compressed(factories.rgb_photo(), JPEG2000Lossless),
    "VL photo, JPEG 2000": lambda: _compressed(factories.rgb_photo(), JPEG2000, j2k_cr=[8]),
    "VL photo, RLE": lambda: _compressed(factories.rgb_photo(), RLELossless),
    "VL photo, left upper arm": sided_photo,
    "VL photo, declined": factories.rgb_photo,
    "VL photos of two sizes": photos_of_two_sizes,
    "VL photo, patient seen before": factories.calibrated_photo,
    "SC, RGB": factories.sc_photo,
    "SC, palette": palette_photo,
    "SC, YBR_FULL": ybr_photo,
    "SC, true colour of one frame": true_colour_photo,
    "SC, MONOCHROME1": inverted_bscan,
    "SC, 16 bit": deep_bscan,
    "B-scan, nominal spacing": factories.bscan,
    "B-scan, JPEG-LS": lambda: _compressed(factories.bscan(), JPEGLSLossless),
    "B-scan, HTJ2K": htj2k_bscan,
    "B-scans, one series": single_bscans,
    "study not analysed": lambda: [factories.rgb_photo(Modality="DMS"), factories.bscan()],
    "stack, no functional groups": factories.byte_stack,
    "stack, as label map": factories.byte_stack,
    "stack, functional groups": placed_stack,
    "stack of one frame": lambda: factories.byte_stack(factories.layered_stack(frames=1)),
    "stack, 12 of 16 bit": factories.word_stack,
    "stack, RLE": lambda: _compressed(factories.byte_stack(), RLELossless),
    "stack, JPEG-LS near lossless": lambda: _compressed(
        factories.byte_stack(), JPEGLSNearLossless, jls_error=2
    ),
    "Confocal, depth and pixel measures": factories.confocal,
    "Confocal, depth and field of view": field_of_view_confocal,
    "Confocal as SC": factories.confocal_sc,
    "LSCI, raw frames": factories.speckle_frames,
    "LSCI map, 16-bit SC": perfusion_maps.as_secondary_capture,
    "LSCI map, 16-bit SC, MONOCHROME1": perfusion_maps.as_inverted_capture,
    "LSCI map, Parametric Map": perfusion_maps.as_parametric_map,
}
