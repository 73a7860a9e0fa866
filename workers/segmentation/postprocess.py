"""Postprocessing: from probabilities to masks, areas and coded answers."""

from dataclasses import dataclass

import cv2
import numpy as np

from shared.dicom import codes
from workers.contract import Image, PixelSpacing
from workers.findings import Assessment, Findings, Map, Mask, Measurement
from workers.learning.calibration import calibrated, calibration
from workers.segmentation.crop import Crop
from workers.segmentation.spec import KELOID, LESION, SKIN

_SMALLEST_SHARE = 0.0004
"""Specks below this share of the image are noise, not lesions."""


Thresholds = tuple[float, float, float]
"""Probabilities above which skin, lesion and keloid count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """Masks of one photo at its own size, (rows, columns); keloid ⊂ lesion ⊂ skin."""

    skin: Mask
    lesion: Mask
    keloid: Mask


def masks_from(skin: Map, lesion: Map, keloid: Map, thresholds: Thresholds) -> Masks:
    """Return the masks of three probability maps (rows, columns), nested as they must be.

    ``thresholds`` are of skin, lesion and keloid, as the network was trained with. A lesion lies on
    skin even where the skin head doubts it; each lesion is a keloid as a whole, or is none.
    """
    of_skin, of_lesion, of_keloid = thresholds
    found_lesion = _without_specks(lesion > of_lesion)
    return Masks(
        skin=_without_specks(skin > of_skin) | found_lesion,
        lesion=found_lesion,
        keloid=keloids_in(found_lesion, keloid, of_keloid),
    )


def keloids_in(lesion: Mask, keloid: Map, threshold: float) -> Mask:
    """Return those parts of ``lesion`` whose mean probability of keloid is above ``threshold``."""
    count, labels = cv2.connectedComponents(lesion.astype(np.uint8))
    sizes = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    means = np.bincount(labels.ravel(), weights=keloid.ravel(), minlength=count) / sizes
    means[0] = 0.0
    return np.asarray((means > threshold)[labels], np.bool_)


def findings_of(
    image: Image, masks: Masks, crop: Crop | None, malignant_probability: float | None
) -> Findings:
    """Return what was found in ``image``.

    ``malignant_probability`` is ``None`` without a crop, and for a keloid: it is neither class.
    """
    return Findings(
        sop_instance_uid=image.sop_instance_uid,
        masks={SKIN: masks.skin[None], LESION: masks.lesion[None], KELOID: masks.keloid[None]},
        measurements=(
            *_fractions(masks),
            *_areas(masks, calibrated(image.spacing)),
            *_counts(masks),
            *_probability(malignant_probability),
        ),
        assessments=(
            calibration(
                image.spacing,
                without="areas are in pixels",
                trust="; areas hold in the plane of the calibration",
            ),
            _crop_rule(crop, classified=malignant_probability is not None),
            *_disease_class(malignant_probability),
        ),
    )


def _fractions(masks: Masks) -> tuple[Measurement, ...]:
    """Skin in percent of the image, lesion and keloid in percent of the skin."""
    skin = int(masks.skin.sum())
    shares = [(codes.AREA_FRACTION, SKIN, skin / masks.skin.size)]
    if skin:  # without any, there is nothing to have a share of
        shares.append((codes.SKIN_FRACTION, LESION, int(masks.lesion.sum()) / skin))
        shares.append((codes.SKIN_FRACTION, KELOID, int(masks.keloid.sum()) / skin))
    return tuple(
        Measurement(quantity=quantity, value=100 * share, unit=codes.PERCENT, segment_number=number)
        for quantity, number, share in shares
    )


def _areas(masks: Masks, spacing: PixelSpacing | None) -> tuple[Measurement, ...]:
    unit = codes.PIXELS if spacing is None else codes.SQUARE_MILLIMETRE
    each = 1.0 if spacing is None else spacing.row_mm * spacing.column_mm
    return tuple(
        Measurement(
            quantity=codes.AREA, value=int(mask.sum()) * each, unit=unit, segment_number=number
        )
        for number, mask in ((LESION, masks.lesion), (KELOID, masks.keloid))
    )


def _counts(masks: Masks) -> tuple[Measurement, ...]:
    """How many parts lie apart: areas are of all of them together (docs/adr/0019)."""
    return tuple(
        Measurement(
            quantity=codes.PART_COUNT,
            value=cv2.connectedComponents(mask.astype(np.uint8))[0] - 1,
            unit=codes.COUNT,
            segment_number=number,
        )
        for number, mask in ((LESION, masks.lesion), (KELOID, masks.keloid))
    )


def _crop_rule(crop: Crop | None, *, classified: bool) -> Assessment:
    if crop is None:
        return Assessment(
            question=codes.CROP_RULE,
            answer=codes.CROP_NOT_MET,
            note="No window with more than 80 % skin and 10 % lesion: no class was given.",
        )
    return Assessment(
        question=codes.CROP_RULE,
        answer=codes.CROP_MET,
        note=f"Crop x {crop.x0}-{crop.x1}, y {crop.y0}-{crop.y1} pixels: "
        f"{crop.skin_share:.0%} skin, {crop.lesion_share:.0%} lesion"
        + ("." if classified else "; no class: keloid."),
    )


def _probability(malignant: float | None) -> tuple[Measurement, ...]:
    if malignant is None:
        return ()
    return (Measurement(quantity=codes.DISEASE_PROBABILITY, value=malignant, unit=codes.RATIO),)


def _disease_class(malignant: float | None) -> tuple[Assessment, ...]:
    if malignant is None:
        return ()
    answer = codes.MALIGNANT_OR_COMPLICATION if malignant >= 0.5 else codes.ATOPIC_DERMATITIS
    note = (
        "Of two classes only, whatever the lesion is: atopic dermatitis, or malignant disease or"
        " complication. Trained on phantoms, research use only."
    )
    return (Assessment(question=codes.DISEASE_CLASS, answer=answer, note=note),)


def _without_specks(mask: Mask) -> Mask:
    smallest = max(4, round(_SMALLEST_SHARE * mask.size))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    kept = np.zeros(count, np.bool_)
    kept[1:] = stats[1:, cv2.CC_STAT_AREA] >= smallest
    return np.asarray(kept[labels], np.bool_)
