"""Evaluation: the model against trivial baselines, on phantom subjects it was not trained on.

The tables are in ``report.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.findings import Mask
from workers.learning.agreement import dice
from workers.segmentation.crop import best_crop, whole
from workers.segmentation.model import Segmentation, find_crop, probability
from workers.segmentation.network import CropClassifier
from workers.segmentation.phantom import Disease, Photo, View, photo

MASKS = ("skin", "lesion", "keloid")
ARMS = ("original", "manual", "automatic")
"""What is classed: the whole photo (by a classifier of its own), the crop by the true masks, the
crop by our own."""

TEST_SUBJECTS = range(1_000_000, 1_000_120)
"""Training counts subjects from 0, so these are never seen there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures over the test subjects.

    Dice is pooled over all pixels of all photos. The baseline masks are the best single
    threshold on redness (lesion, keloid) or on a skin-colour index (skin), chosen on the test
    photos themselves, which flatters it. Class figures are on the automatic crops; the crop hit
    rate is the share of photos with a crop by the truth that also got one by prediction.
    """

    dice_skin: float
    dice_lesion: float
    dice_keloid: float
    baseline_dice_skin: float
    baseline_dice_lesion: float
    baseline_dice_keloid: float
    crop_hit_rate: float
    class_accuracy: float
    class_sensitivity: float
    class_specificity: float
    baseline_class_accuracy: float
    photos: float
    classified: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Pixels of the found and the true mask of one photo, of both, and of the photo."""

    found: int
    true: int
    both: int
    pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The photo of one subject.

    ``malignant`` is ``None`` where the disease is of neither class. ``called`` has the probability
    of malignant disease by arm; without a crop, both other arms fall back on the original.
    """

    masks: dict[str, Overlap]
    baseline: dict[str, Overlap]
    view: View
    crop_possible: bool
    crop_found: bool
    malignant: bool | None
    called: dict[str, float]


def evaluate(
    model: Segmentation, uncut: CropClassifier, subjects: range = TEST_SUBJECTS
) -> Metrics:
    """Return the figures of ``model`` on the photos of ``subjects``."""
    return metrics_of(read(model, uncut, subjects))


def read(model: Segmentation, uncut: CropClassifier | None, subjects: range) -> list[Case]:
    """Return one case for each subject; ``uncut`` classes the whole photos.

    Without it no photo is classed, and only masks and crops are judged.
    """
    photos = [photo(subject, 320) for subject in subjects]
    cuts = {name: best_cut(photos, name) for name in MASKS}
    return [_case(model, uncut, one, cuts) for one in photos]


def metrics_of(cases: Sequence[Case]) -> Metrics:
    """Return the figures over ``cases``."""
    possible = [one for one in cases if one.crop_possible]
    classed = [one for one in cases if one.crop_found and one.malignant is not None]
    truth = np.array([one.malignant for one in classed], np.bool_)
    answer = np.array([one.called["automatic"] >= 0.5 for one in classed], np.bool_)
    return Metrics(
        dice_skin=pooled_dice([one.masks["skin"] for one in cases]),
        dice_lesion=pooled_dice([one.masks["lesion"] for one in cases]),
        dice_keloid=pooled_dice([one.masks["keloid"] for one in cases]),
        baseline_dice_skin=pooled_dice([one.baseline["skin"] for one in cases]),
        baseline_dice_lesion=pooled_dice([one.baseline["lesion"] for one in cases]),
        baseline_dice_keloid=pooled_dice([one.baseline["keloid"] for one in cases]),
        crop_hit_rate=sum(one.crop_found for one in possible) / max(len(possible), 1),
        class_accuracy=_share(truth == answer),
        class_sensitivity=_share(answer[truth]),
        class_specificity=_share(~answer[~truth]),
        baseline_class_accuracy=max(_share(truth), 1 - _share(truth)),
        photos=float(len(cases)),
        classified=float(len(truth)),
    )


def pooled_dice(overlaps: Sequence[Overlap]) -> float:
    """Return the Dice over all pixels of all photos; 1 when there is nothing to find."""
    total = sum(one.found + one.true for one in overlaps)
    return 2 * sum(one.both for one in overlaps) / total if total else 1.0


def overlap(found: Mask, true: Mask) -> Overlap:
    """Count the pixels of two masks of one photo."""
    return Overlap(
        found=int(found.sum()),
        true=int(true.sum()),
        both=int((found & true).sum()),
        pixels=true.size,
    )


def threshold_dice(photos: list[Photo], mask: str) -> float:
    """Return the pooled Dice of the best single colour threshold for ``mask``."""
    cut = best_cut(photos, mask)
    return pooled_dice([overlap(_index(one, mask) > cut, getattr(one, mask)) for one in photos])


def best_cut(photos: list[Photo], mask: str) -> float:
    """Return the threshold on the colour index whose pooled Dice on these photos is greatest."""
    index = np.stack([_index(one, mask) for one in photos])
    truth = np.stack([getattr(one, mask) for one in photos])
    cuts = np.quantile(index[:, ::4, ::4], np.linspace(0.02, 0.99, 60))
    return float(max(cuts, key=lambda cut: dice(index > cut, truth)))


def _case(
    model: Segmentation, uncut: CropClassifier | None, one: Photo, cuts: dict[str, float]
) -> Case:
    found = model.segment(one.image)
    true_crop, crop = best_crop(one.skin, one.lesion), find_crop(found)
    called = {}
    if uncut is not None and one.disease not in (Disease.NONE, Disease.KELOID):
        original = probability(uncut, one.image, whole(*one.skin.shape))
        called = {
            "original": original,
            "manual": model.classify(one.image, true_crop) if true_crop else original,
            "automatic": model.classify(one.image, crop) if crop else original,
        }
    return Case(
        masks={name: overlap(getattr(found, name), getattr(one, name)) for name in MASKS},
        baseline={
            name: overlap(_index(one, name) > cuts[name], getattr(one, name)) for name in MASKS
        },
        view=one.view,
        crop_possible=true_crop is not None,
        crop_found=crop is not None,
        malignant=one.disease is not Disease.ATOPIC_DERMATITIS if called else None,
        called=called,
    )


def _index(one: Photo, mask: str) -> Any:
    return _skin_index(one.image) if mask == "skin" else _redness(one.image)


def _redness(image: npt.NDArray[np.uint8]) -> Any:
    """Log ratio of red to green, the simplest erythema index."""
    return np.log((image[..., 0] + 8.0) / (image[..., 1] + 8.0)).astype(np.float32)


def _skin_index(image: npt.NDArray[np.uint8]) -> Any:
    """Red minus blue over brightness: high on skin of every Fitzpatrick type."""
    red, blue = image[..., 0].astype(np.float32), image[..., 2].astype(np.float32)
    return (red - blue) / (image.mean(axis=-1) + 8.0)


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0
