"""What the perfusion model accepts, marks and was trained on. Torch-free."""

import re

from shared.dicom import codes
from workers.contract import Acceptance, ModelSpec, Segment
from workers.learning.photo_terms import NOT_A_PHOTO

VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_BYTE = "1.2.840.10008.5.1.4.1.1.7.2"
MULTI_FRAME_WORD = "1.2.840.10008.5.1.4.1.1.7.3"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
MULTI_FRAME_TRUE_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"

KELOID, HYPERPERFUSED = 1, 2
"""Segment numbers: keloids are seen in photos, hyperperfused regions in LSCI."""

RAW_FRAMES = 8
"""Fewer raw frames than this give too noisy a contrast."""

_LSCI = re.compile(r"lsci|laser[ _-]?speckle|speckle|moorflpi|pericam|perfusion", re.IGNORECASE)
# "Perfusion" is a word of radiology and cardiology too.
_OTHER_PERFUSION = re.compile(
    r"myocard|cardiac|cerebral|\bbrain|\blung|pulmon|\b(ct|mr|mri|pet|spect|dsc|dce|asl)\b",
    re.IGNORECASE,
)
_KELOID_PHOTO = re.compile(r"keloid|cheloid|(?<![a-z])scar(s|ring)?(?![a-z])", re.IGNORECASE)

SPEC = ModelSpec(
    name="perfusion",
    version="0.1.0",
    title="Perfusion of keloids, measured by LSCI or predicted from a photo",
    accepts=(
        Acceptance(
            reason="raw laser speckle frames",
            sop_class_uids=frozenset({SECONDARY_CAPTURE, MULTI_FRAME_BYTE, MULTI_FRAME_WORD}),
            modalities=frozenset({"OT", "XC", ""}),
            samples_per_pixel=1,
            min_frames=RAW_FRAMES,
            text=_LSCI,
            not_text=_OTHER_PERFUSION,
        ),
        Acceptance(
            reason="a measured laser speckle perfusion map",
            sop_class_uids=frozenset({SECONDARY_CAPTURE, MULTI_FRAME_WORD, PARAMETRIC_MAP}),
            modalities=frozenset({"OT", "XC", ""}),
            samples_per_pixel=1,
            max_frames=1,
            text=_LSCI,
            not_text=_OTHER_PERFUSION,
        ),
        Acceptance(
            reason="a photo of a keloid or scar",
            sop_class_uids=frozenset({VL_PHOTOGRAPHIC, SECONDARY_CAPTURE, MULTI_FRAME_TRUE_COLOUR}),
            modalities=frozenset({"XC", "OT", ""}),
            samples_per_pixel=3,
            max_frames=1,
            text=_KELOID_PHOTO,
            not_text=NOT_A_PHOTO,
        ),
    ),
    segments=(
        Segment(
            number=KELOID,
            label="Keloid",
            category=codes.MORPHOLOGICALLY_ABNORMAL,
            type=codes.KELOID,
            colour=(148, 103, 189),
        ),
        Segment(
            number=HYPERPERFUSED,
            label="Hyperperfused region",
            category=codes.FUNCTION,
            type=codes.HYPERPERFUSED_REGION,
            colour=(255, 127, 14),
        ),
    ),
    training_data="procedural keloid phantoms only; no real patient, research use only",
    deadline_seconds=180.0,
    reads_values=True,
    parameters={"contrast_window": "7", "threshold": "0.5"},
    declines=(
        Acceptance(
            reason=(
                "a colour picture of laser speckle imaging: its colour map is unknown, so its "
                "colours are never turned back into perfusion"
            ),
            samples_per_pixel=3,
            text=_LSCI,
            not_text=_OTHER_PERFUSION,
        ),
    ),
)
