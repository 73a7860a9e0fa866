"""Layers: what the LC-OCT model accepts, marks and was trained on."""

import re

from shared.dicom import codes
from workers.contract import Acceptance, ModelSpec, Segment

SPEC = ModelSpec(
    name="layers",
    version="0.1.0",
    title="Skin layers in LC-OCT sections",
    accepts=(
        Acceptance(
            reason="grayscale optical coherence tomography outside the eye (Modality OCT)",
            modalities=frozenset({"OCT"}),
            samples_per_pixel=1,
        ),
        Acceptance(
            reason="grayscale image of modality OT whose texts name LC-OCT",
            modalities=frozenset({"OT"}),
            samples_per_pixel=1,
            text=re.compile(r"lc-?oct|deep ?live|optical coherence", re.IGNORECASE),
        ),
    ),
    segments=(
        Segment(
            number=1,
            label="Stratum corneum",
            category=codes.TISSUE,
            type=codes.STRATUM_CORNEUM,
            colour=(240, 200, 60),
        ),
        Segment(
            number=2,
            label="Viable epidermis",
            category=codes.TISSUE,
            type=codes.VIABLE_EPIDERMIS,
            colour=(220, 100, 130),
        ),
        Segment(
            number=3,
            label="Dermis",
            category=codes.TISSUE,
            type=codes.DERMIS,
            colour=(70, 140, 210),
        ),
    ),
    training_data="simulated LC-OCT sections (phantoms) only; no real image",
    deadline_seconds=900.0,
    parameters={"thickness": "normal", "dej_smoothing_um": "3", "entropy_band_um": "25"},
)
