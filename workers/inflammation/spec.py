"""Inflammation: what the confocal model accepts, marks and was trained on."""

import re

from shared.dicom import codes
from workers.contract import Acceptance, ModelSpec, Segment

_CONFOCAL_MICROSCOPY = "1.2.840.10008.5.1.4.1.1.77.1.8"
_CONFOCAL_MICROSCOPY_TILED = "1.2.840.10008.5.1.4.1.1.77.1.9"

SPEC = ModelSpec(
    name="inflammation",
    version="0.1.0",
    title="Skin inflammation in reflectance confocal microscopy",
    accepts=(
        Acceptance(
            reason="grayscale Confocal Microscopy image, plain or tiled",
            sop_class_uids=frozenset({_CONFOCAL_MICROSCOPY, _CONFOCAL_MICROSCOPY_TILED}),
            samples_per_pixel=1,
        ),
        Acceptance(
            reason="grayscale image of modality CFM",
            modalities=frozenset({"CFM"}),
            samples_per_pixel=1,
        ),
        Acceptance(
            reason="grayscale picture whose texts name confocal microscopy",
            modalities=frozenset({"OT", "GM", "XC", "DMS"}),
            samples_per_pixel=1,
            text=re.compile(r"confocal|vivascope|\brcm\b", re.IGNORECASE),
        ),
    ),
    segments=(
        Segment(
            number=1,
            label="Inflamed skin (grade 2 or more)",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.INFLAMED_SKIN,
            colour=(230, 80, 40),
        ),
    ),
    training_data=("simulated confocal fields (phantoms) only; no real image"),
    parameters={"inflamed_from_grade": "2"},
)
