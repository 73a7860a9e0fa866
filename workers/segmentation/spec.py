"""What the segmentation model accepts, marks and was trained on. Torch-free."""

import re

from shared.dicom import codes
from workers.contract import Acceptance, ModelSpec, Segment
from workers.learning.photo_terms import NOT_A_PHOTO

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_TRUE_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"

SKIN, LESION, KELOID = 1, 2, 3
"""Segment numbers."""

_CLINICAL_PHOTO = re.compile(r"clinical|\bphoto(s|graph\w*)?\b|\bderm\b|dermatolog", re.IGNORECASE)

_DERMOSCOPY = "a dermoscopic picture: the model was made for clinical photos"

SPEC = ModelSpec(
    name="segmentation",
    version="0.1.0",
    title="Skin, lesion and keloid in clinical photos",
    accepts=(
        Acceptance(
            reason="a clinical photo (VL Photographic Image)",
            sop_class_uids=frozenset({VL_PHOTOGRAPHIC}),
            modalities=frozenset({"XC", "OT", ""}),
            samples_per_pixel=3,
            max_frames=1,
            not_text=NOT_A_PHOTO,
        ),
        Acceptance(
            reason="a clinical photo from an external camera, as Secondary Capture",
            sop_class_uids=frozenset({SECONDARY_CAPTURE, MULTI_FRAME_TRUE_COLOUR}),
            modalities=frozenset({"XC"}),
            samples_per_pixel=3,
            max_frames=1,
            not_text=NOT_A_PHOTO,
        ),
        Acceptance(
            reason="a Secondary Capture whose descriptions call it a clinical photo",
            sop_class_uids=frozenset({SECONDARY_CAPTURE, MULTI_FRAME_TRUE_COLOUR}),
            modalities=frozenset({"OT", ""}),
            samples_per_pixel=3,
            max_frames=1,
            text=_CLINICAL_PHOTO,
            not_text=NOT_A_PHOTO,
        ),
    ),
    segments=(
        Segment(
            number=SKIN,
            label="Skin",
            category=codes.TISSUE,
            type=codes.SKIN,
            colour=(255, 205, 148),
        ),
        Segment(
            number=LESION,
            label="Skin lesion",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.SKIN_LESION,
            colour=(214, 39, 40),
        ),
        Segment(
            number=KELOID,
            label="Keloid",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.KELOID,
            colour=(148, 103, 189),
        ),
    ),
    training_data="procedural phantom photos only; no real patient, research use only",
    deadline_seconds=120.0,
    parameters={"threshold": "0.7", "crop_skin": "0.8", "crop_lesion": "0.1"},
    declines=(
        Acceptance(reason=_DERMOSCOPY, sop_class_uids=frozenset({DERMOSCOPIC})),
        Acceptance(reason=_DERMOSCOPY, modalities=frozenset({"DMS"}), samples_per_pixel=3),
        Acceptance(
            reason=_DERMOSCOPY,
            samples_per_pixel=3,
            text=re.compile(r"derm(at)?o?scop", re.IGNORECASE),
        ),
    ),
)
