"""Evaluation: the model against trivial baselines, on phantom subjects it was not trained on.

Run ``python -m workers.segmentation.evaluate``.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
import torch

from workers.findings import Mask
from workers.learning.training import default_device
from workers.segmentation.crop import best_crop
from workers.segmentation.model import Segmentation, find_crop, load
from workers.segmentation.phantom import Disease, Photo, photo
from workers.segmentation.postprocess import Masks

TEST_SUBJECTS = range(1_000_000, 1_000_120)
"""Training counts subjects from 0, so these are never seen there."""

log = structlog.get_logger()


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


def evaluate(model: Segmentation, subjects: range = TEST_SUBJECTS) -> Metrics:
    """Return the figures of ``model`` on the photos of ``subjects``."""
    photos = [photo(subject, 320) for subject in subjects]
    masks = [model.segment(one.image) for one in photos]
    malignant, called, hits, possible = [], [], 0, 0
    for one, found in zip(photos, masks, strict=True):
        crop = find_crop(found)
        if best_crop(one.skin, one.lesion) is not None:
            possible += 1
            hits += crop is not None
        if crop is not None and one.disease not in (Disease.NONE, Disease.KELOID):
            malignant.append(one.disease is not Disease.ATOPIC_DERMATITIS)
            called.append(model.classify(one.image, crop) >= 0.5)
    truth, answer = np.array(malignant, np.bool_), np.array(called, np.bool_)
    return Metrics(
        **_dices(photos, masks),
        crop_hit_rate=hits / max(possible, 1),
        class_accuracy=_share(truth == answer),
        class_sensitivity=_share(answer[truth]),
        class_specificity=_share(~answer[~truth]),
        baseline_class_accuracy=max(_share(truth), 1 - _share(truth)),
        photos=float(len(photos)),
        classified=float(len(truth)),
    )


def threshold_dice(photos: list[Photo], mask: str) -> float:
    """Return the pooled Dice of the best single colour threshold for ``mask``."""
    index = np.stack(
        [_skin_index(one.image) if mask == "skin" else _redness(one.image) for one in photos]
    )
    truth = np.stack([getattr(one, mask) for one in photos])
    cuts = np.quantile(index[:, ::4, ::4], np.linspace(0.02, 0.99, 60))
    return max(dice(index > cut, truth) for cut in cuts)


def dice(found: Mask, truth: Mask) -> float:
    """Return 2|A∩B| / (|A|+|B|); 1 when both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def _dices(photos: list[Photo], masks: list[Masks]) -> dict[str, float]:
    figures = {}
    for name in ("skin", "lesion", "keloid"):
        found = np.stack([getattr(one, name) for one in masks])
        truth = np.stack([getattr(one, name) for one in photos])
        figures[f"dice_{name}"] = dice(found, truth)
        figures[f"baseline_dice_{name}"] = threshold_dice(photos, name)
    return figures


def _redness(image: npt.NDArray[np.uint8]) -> Any:
    """Log ratio of red to green, the simplest erythema index."""
    return np.log((image[..., 0] + 8.0) / (image[..., 1] + 8.0)).astype(np.float32)


def _skin_index(image: npt.NDArray[np.uint8]) -> Any:
    """Red minus blue over brightness: high on skin of every Fitzpatrick type."""
    red, blue = image[..., 0].astype(np.float32), image[..., 2].astype(np.float32)
    return (red - blue) / (image.mean(axis=-1) + 8.0)


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else 0.0


def main() -> None:
    """Print the figures of the weights in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(__file__).parent / "weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = default_device()
    log.info("evaluated", **asdict(evaluate(load(given.weights, device))))


if __name__ == "__main__":
    main()
