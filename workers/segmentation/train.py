"""Training: fit both networks to phantom photos and save their weights.

Run ``python -m workers.segmentation.train --commit $(git rev-parse --short HEAD)``.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import structlog
import torch
from torch import Tensor, nn

from workers.catalog import WeightsManifest
from workers.learning.augment import random_affine, random_colour
from workers.learning.command_line import training_parser, use_threads
from workers.learning.training import Schedule, default_device, fit, soft_dice_loss
from workers.learning.weights import load_weights, save_weights, trained_before
from workers.segmentation.crop import best_crop
from workers.segmentation.evaluate import evaluate
from workers.segmentation.model import CLASSIFIER_FILE, SEGMENTER_FILE, Segmentation, compact
from workers.segmentation.network import HEADS, CropClassifier, DeepLab
from workers.segmentation.phantom import Disease, Photo, photo
from workers.segmentation.preprocess import INPUT_SIZE, crop_pixels
from workers.segmentation.spec import SPEC

log = structlog.get_logger()

PHOTO_SIZE = 320
"""Side of a phantom photo: more than the networks read, so that crops show real texture."""

_TRAIN_SIZE = 160
_BATCH = 6
_HEAD_WEIGHTS = (1.0, 2.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Phantoms in memory: images and truth bits (1 skin, 2 lesion, 4 keloid), crops and class."""

    images: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.uint8]
    crops: npt.NDArray[np.uint8]
    malignant: npt.NDArray[np.bool_]


def train(
    weights: Path,
    *,
    steps: int,
    seed: int,
    device: torch.device,
    subjects: range = range(1200),
    keep: Path | None = None,
    start: Path | None = None,
    commit: str = "unknown",
) -> WeightsManifest:
    """Train on the phantoms of ``subjects`` and write ``weights`` with their figures.

    With ``start``, a folder of weights, training of the segmenter goes on from there, and the
    classifier is kept as it is.
    """
    bank = draw_bank(subjects)
    log.info("bank drawn", subjects=len(subjects), crops=len(bank.crops))
    torch.manual_seed(seed)
    segmenter, classifier = DeepLab(), CropClassifier()
    if start is None:
        fit(
            classifier,
            partial(_crop_batch, bank),
            _classifier_loss,
            Schedule(steps=steps, seed=seed, weight_decay=1e-3),
            device,
            kept=keep and keep / "classifier.checkpoint",
        )
    else:
        segmenter.load_state_dict(load_weights(start, SEGMENTER_FILE))
        classifier.load_state_dict(load_weights(start, CLASSIFIER_FILE))
    fit(
        segmenter,
        partial(_photo_batch, bank),
        _segmenter_loss,
        Schedule(steps=steps, seed=seed),
        device,
        kept=keep and keep / "segmenter.checkpoint",
    )
    states = {
        SEGMENTER_FILE: compact(segmenter.state_dict()),
        CLASSIFIER_FILE: compact(classifier.state_dict()),
    }
    metrics = evaluate(Segmentation(segmenter, classifier, device))
    log.info("evaluated", **asdict(metrics))
    return save_weights(
        weights,
        states,
        model=SPEC.name,
        version=SPEC.version,
        trained_on="procedural phantom photos (workers/segmentation/phantom.py), subjects "
        f"{subjects.start} to {subjects.stop - 1}",
        metrics={name: round(value, 4) for name, value in asdict(metrics).items()},
        commit=commit,
        command=f"python -m workers.segmentation.train --steps {steps} --seed {seed} "
        f"--first-subject {subjects.start} --subjects {len(subjects)}" + trained_before(start),
    )


def draw_bank(subjects: range) -> Bank:
    """Return the phantoms of ``subjects``; a crop for each that has one and is no keloid."""
    images, truth, crops, malignant = [], [], [], []
    for subject in subjects:
        one = photo(subject, PHOTO_SIZE)
        bits = one.skin * 1 + one.lesion * 2 + one.keloid * 4
        shape = (INPUT_SIZE, INPUT_SIZE)
        images.append(cv2.resize(one.image, shape, interpolation=cv2.INTER_AREA))
        truth.append(cv2.resize(bits.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST))
        crop = _classifiable_crop(one)
        if crop is not None:
            crops.append(crop)
            malignant.append(one.disease is not Disease.ATOPIC_DERMATITIS)
    return Bank(
        images=np.stack(images),
        truth=np.stack(truth),
        crops=np.stack(crops),
        malignant=np.array(malignant),
    )


def _classifiable_crop(one: Photo) -> npt.NDArray[np.uint8] | None:
    crop = best_crop(one.skin, one.lesion)
    if crop is None or one.disease is Disease.KELOID:
        return None
    return crop_pixels(one.image, crop)


def _photo_batch(bank: Bank, rng: np.random.Generator) -> tuple[Tensor, ...]:
    chosen = rng.integers(len(bank.images), size=_BATCH)
    images = torch.from_numpy(bank.images[chosen]).permute(0, 3, 1, 2).float() / 255
    bits = torch.from_numpy(bank.truth[chosen])[:, None]
    masks = torch.cat([(bits & 1 << head) > 0 for head in range(len(HEADS))], dim=1).float()
    images, masks = random_affine(rng, images, masks, size=_TRAIN_SIZE, view=(0.45, 0.95))
    return random_colour(rng, images), (masks > 0.5).float()


def _crop_batch(bank: Bank, rng: np.random.Generator) -> tuple[Tensor, ...]:
    groups = [np.flatnonzero(bank.malignant), np.flatnonzero(~bank.malignant)]
    chosen = np.concatenate([rng.choice(group, 12) for group in groups])
    crops = torch.from_numpy(bank.crops[chosen]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(bank.malignant[chosen]).float()
    size = crops.shape[-1]
    crops, _ = random_affine(rng, crops, crops[:, :1], size=size, view=(0.7, 1.15))
    return random_colour(rng, crops), labels


def _segmenter_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    images, masks = batch
    logits = network(images).float()
    weights = torch.tensor(_HEAD_WEIGHTS, device=logits.device)[:, None, None]
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (entropy * weights).mean() + soft_dice_loss(logits, masks)


def _classifier_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    crops, labels = batch
    smooth = labels * 0.9 + 0.05
    return nn.functional.binary_cross_entropy_with_logits(network(crops).float(), smooth)


def main() -> None:
    """Train from the command line."""
    parser = training_parser(SPEC.name, steps=900)
    parser.add_argument("--subjects", type=int, default=1200)
    parser.add_argument("--first-subject", type=int, default=0)
    parser.add_argument("--start", type=Path, help="go on from the weights in this folder")
    given = parser.parse_args()
    use_threads(given.threads)
    train(
        given.weights,
        steps=given.steps,
        seed=given.seed,
        device=default_device(),
        subjects=range(given.first_subject, given.first_subject + given.subjects),
        start=given.start,
        keep=given.keep,
        commit=given.commit,
    )


if __name__ == "__main__":
    main()
