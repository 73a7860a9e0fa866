"""Training: fit both networks to phantom photos and save their weights.

Run ``python -m workers.segmentation.train --commit $(git rev-parse --short HEAD)``.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import structlog
import torch
from torch import Tensor, nn

from workers.catalog import Size, WeightsManifest
from workers.learning.augment import random_affine, random_colour
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.folder import Folder, add_folder, resolved
from workers.learning.training import Schedule, fit, soft_dice_loss
from workers.learning.weights import load_weights, save_weights, size_of, sized, trained_before
from workers.segmentation.bank import Bank, Classed, as_tensors, draw_bank, heads, read_bank
from workers.segmentation.calibrate import calibrate_classifier, calibrate_segmenter
from workers.segmentation.evaluate import evaluate
from workers.segmentation.familiar import drawn
from workers.segmentation.folder import photos_of
from workers.segmentation.model import (
    CLASSIFIER_FILE,
    SEGMENTER_FILE,
    WHOLE_FILE,
    Segmentation,
    compact,
)
from workers.segmentation.network import CropClassifier, DeepLab
from workers.segmentation.spec import SPEC

log = structlog.get_logger()

CALIBRATION_SUBJECTS = range(500_000, 500_200)
"""Neither trained nor tested on: where it has trained, a network is surer than it should be."""

_TRAIN_SIZE = 160
_BATCH = 6
_HEAD_WEIGHTS = (1.0, 2.0, 2.0)
_CLASSIFIER_STEPS = 1000
"""At most: a crop is learnt sooner than a photo."""


def train(
    weights: Path,
    *,
    steps: int,
    seed: int,
    device: torch.device,
    size: Size | None = None,
    subjects: range = range(3000),
    keep: Path | None = None,
    start: Path | None = None,
    photos: Folder | None = None,
    commit: str = "unknown",
) -> WeightsManifest:
    """Train on the phantoms of ``subjects`` and write ``weights`` with their figures.

    With ``start``, a folder of weights, training of the segmenter goes on from there, and the
    classifiers are kept as they are. With ``photos``, half of what the segmenter sees is real:
    those of patients that :func:`workers.segmentation.folder.is_held_out` does not keep for the
    evaluation.
    """
    networks = size_of(start, size)
    bank = draw_bank(subjects)
    log.info("bank drawn", subjects=len(subjects), crops=len(bank.crops.pixels))
    real = read_bank(photos) if photos else None
    torch.manual_seed(seed)
    segmenter, crops, wholes = DeepLab(networks), CropClassifier(networks), CropClassifier(networks)
    if start is not None:
        segmenter.load_state_dict(load_weights(start, SEGMENTER_FILE))
        crops.load_state_dict(load_weights(start, CLASSIFIER_FILE))
        wholes.load_state_dict(load_weights(start, WHOLE_FILE))
    others = draw_bank(CALIBRATION_SUBJECTS)
    schedule = Schedule(steps=steps, seed=seed)
    teach(segmenter, bank, others, schedule, device, kept=keep, real=real)
    if start is None:
        for classifier, learnt, other, name in (
            (crops, bank.crops, others.crops, "classifier"),
            (wholes, bank.wholes, others.wholes, "whole"),
        ):
            fit(
                classifier,
                partial(_classed_batch, learnt),
                _classifier_loss,
                Schedule(steps=min(steps, _CLASSIFIER_STEPS), seed=seed, weight_decay=1e-3),
                device,
                kept=keep and keep / f"{name}.checkpoint",
            )
            calibrate_classifier(classifier, other, device)
    states = {
        SEGMENTER_FILE: compact(segmenter.state_dict()),
        CLASSIFIER_FILE: compact(crops.state_dict()),
        WHOLE_FILE: compact(wholes.state_dict()),
        FAMILIARITY_FILE: fit_familiarity(drawn).state(),
    }
    metrics = evaluate(Segmentation(segmenter, crops, device), wholes.to(device).eval())
    log.info("evaluated", **asdict(metrics))
    return save_weights(
        weights,
        states,
        model=SPEC.name,
        version=SPEC.version,
        trained_on="procedural phantom photos (workers/segmentation/phantom.py), subjects "
        f"{subjects.start} to {subjects.stop - 1}"
        + (f"; {len(real.images)} real photos" if real else ""),
        training_data="photos on which people of a site drew, and phantoms" if real else "",
        metrics={name: round(value, 4) for name, value in asdict(metrics).items()},
        commit=commit,
        command=f"python -m workers.segmentation.train --steps {steps} --seed {seed} "
        f"--first-subject {subjects.start} --subjects {len(subjects)}"
        + (" --images, --masks: see trained_on" if real else "")
        + sized(networks)
        + trained_before(start),
        size=networks,
    )


def teach(
    segmenter: DeepLab,
    bank: Bank,
    others: Bank,
    schedule: Schedule,
    device: torch.device,
    *,
    kept: Path | None,
    real: Bank | None = None,
) -> None:
    """Train ``segmenter`` in place on ``bank`` and calibrate it on ``others``.

    Where there is a ``real`` bank, it gives half of each batch.
    """
    fit(
        segmenter,
        partial(_photo_batch, bank, real),
        segmenter_loss,
        schedule,
        device,
        kept=kept and kept / "segmenter.checkpoint",
    )
    calibrate_segmenter(segmenter, others, device)


def _photo_batch(bank: Bank, real: Bank | None, rng: np.random.Generator) -> tuple[Tensor, ...]:
    count = _BATCH if real is None else _BATCH // 2
    parts = [one.pick(rng, count) for one in (bank, real) if one is not None]
    pixels, bits, known = (np.concatenate(one) for one in zip(*parts, strict=True))
    images = as_tensors(pixels)
    masks = heads(bits[:, None])
    images, masks = random_affine(rng, images, masks, size=_TRAIN_SIZE, view=(0.4, 1.0))
    return random_colour(rng, images), (masks > 0.5).float(), heads(known[:, None, None, None])


def _classed_batch(classed: Classed, rng: np.random.Generator) -> tuple[Tensor, ...]:
    groups = [np.flatnonzero(classed.malignant), np.flatnonzero(~classed.malignant)]
    chosen = np.concatenate([rng.choice(group, 12) for group in groups])
    pixels = as_tensors(classed.pixels[chosen])
    labels = torch.from_numpy(classed.malignant[chosen]).float()
    size = pixels.shape[-1]
    pixels, _ = random_affine(rng, pixels, pixels[:, :1], size=size, view=(0.7, 1.15))
    return random_colour(rng, pixels), labels


def segmenter_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Return entropy plus Dice loss; the batch is images, masks, known heads (N, 3, 1, 1)."""
    images, masks, known = batch
    # Where nobody drew a structure, nothing is learned about it: sure that it is not there, as the
    # empty mask says, the network gets no gradient.
    logits = network(images).float().masked_fill(known == 0, -30.0)
    weights = torch.tensor(_HEAD_WEIGHTS, device=logits.device)[:, None, None]
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (entropy * weights).mean() + soft_dice_loss(logits, masks)


def _classifier_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    crops, labels = batch
    smooth = labels * 0.9 + 0.05
    return nn.functional.binary_cross_entropy_with_logits(network(crops).float(), smooth)


def main() -> None:
    """Train from the command line."""
    parser = training_parser(SPEC.name, steps=5000)
    parser.add_argument("--subjects", type=int, default=3000)
    parser.add_argument("--first-subject", type=int, default=0)
    parser.add_argument("--start", type=resolved, help="go on from the weights in this folder")
    add_folder(parser)
    given = parser.parse_args()
    subjects = range(given.first_subject, given.first_subject + given.subjects)
    more = partial(train, subjects=subjects, start=given.start, photos=photos_of(given))
    run_training(given, more)


if __name__ == "__main__":
    main()
