"""Perfusion maps as LSCI gateways send them: 16-bit capture, Parametric Map, screenshot."""

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from services.writer.geometry import neutral_copy
from shared.dicom import codes
from shared.dicom.uids import derived_uid
from tests import factories


def as_secondary_capture() -> Dataset:
    """Return a perfusion map as 16-bit SC, half an arbitrary unit a step."""
    return factories.bscan(
        (values() * 2).astype(np.uint16),
        Modality="OT",
        SeriesDescription="LSCI perfusion map",
        RescaleSlope="0.5",
        RescaleIntercept="0",
        RescaleType="US",
        NominalScannedPixelSpacing=None,
    )


def as_inverted_capture() -> Dataset:
    """Return the same as MONOCHROME1: drawn dark on bright, its values as they are."""
    dataset = as_secondary_capture()
    dataset.PhotometricInterpretation = "MONOCHROME1"
    return dataset


def as_parametric_map() -> Dataset:
    """Return a perfusion map as float Parametric Map, the class made for it."""
    source = factories.bscan()
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="perfusion",
        lut_explanation="perfusion",
        unit=hd.sr.CodedConcept(*codes.PERFUSION_UNIT[:3]),
        value_range=(0.0, 1000.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=hd.sr.CodedConcept(*codes.PERFUSION[:3]),
    )
    dataset: Dataset = hd.pm.ParametricMap(
        source_images=[neutral_copy(source, derived_uid("test", "map", "frame"), 1)],
        pixel_array=values()[None],
        series_instance_uid=derived_uid("test", "series", "parametric-map"),
        series_number=1,
        sop_instance_uid=derived_uid("test", "instance", "parametric-map"),
        instance_number=1,
        manufacturer="SampleMaker",
        manufacturer_model_name="LSCI gateway",
        software_versions="1",
        device_serial_number="0",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=500, window_width=1000)],
        series_description="LSCI perfusion map",
        content_description="made by a gateway",
    )
    dataset.PatientName, dataset.PatientID = source.PatientName, source.PatientID
    dataset.ContentDate, dataset.ContentTime = source.ContentDate, source.ContentTime
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = "1.2.3.5"
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = "1.2.3.5"
    return dataset


def as_screenshot() -> Dataset:
    """Return what many devices export instead: colours of an unknown colour map, with its bar."""
    level = (values() / 4).clip(0, 255).astype(np.uint8)
    pixels = np.stack([level, 255 - level, level // 2], axis=-1)
    return factories.sc_photo(pixels, SeriesDescription="LSCI perfusion", Modality="OT")


def values(rows: int = 60, columns: int = 100) -> npt.NDArray[np.float32]:
    """Return (rows, columns) float32: skin at 100 units, a bright spot of 800."""
    perfusion = np.full((rows, columns), 100, np.float32)
    perfusion[factories.lesion_mask(rows, columns)] = 800
    return perfusion
