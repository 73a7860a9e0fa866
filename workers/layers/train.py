"""Train: teach the network on simulated sections (``python -m workers.layers.train``)."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.catalog import WeightsManifest
from workers.layers.evaluate import evaluate
from workers.layers.familiar import drawn
from workers.layers.model import WEIGHTS_FILE, Layers
from workers.layers.network import CLASSES, MULTIPLE, build
from workers.layers.phantom import section
from workers.layers.preprocess import TRAINED_MICROMETRES, normalise
from workers.layers.spec import SPEC
from workers.learning.blocks import UNet
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.grayscale import resize
from workers.learning.platt import fit_temperature, rescale
from workers.learning.training import Schedule, default_device, fit
from workers.learning.weights import save_weights

log = structlog.get_logger()

TRAINING_SUBJECTS = range(200)
CALIBRATION_SUBJECTS = range(500_000, 500_016)
"""Neither trained nor tested on: where it has trained, a network is surer than it should be."""

CROP = 192
BATCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A normalised section (-127..127 for -1..1, to keep the bank small) and its labels."""

    pixels: npt.NDArray[np.int8]
    labels: npt.NDArray[np.uint8]


def train(
    weights: Path,
    *,
    steps: int,
    seed: int,
    device: torch.device,
    commit: str = "",
    keep: Path | None = None,
    subjects: range = TRAINING_SUBJECTS,
) -> WeightsManifest:
    """Train from nothing, evaluate on unseen subjects, and write weights and manifest.

    The weights are stored as float16 and evaluated as they are stored.
    """
    examples = bank(subjects)
    log.info("bank drawn", sections=len(examples))
    kept = keep and keep / "network.checkpoint"
    network = teach(examples, Schedule(steps=steps, seed=seed), device, kept=kept)
    metrics = evaluate(Layers(network, device))
    return save_weights(
        weights,
        {
            WEIGHTS_FILE: {name: _stored(value) for name, value in network.state_dict().items()},
            FAMILIARITY_FILE: fit_familiarity(drawn).state(),
        },
        model=SPEC.name,
        version=SPEC.version,
        trained_on=f"{SPEC.training_data}; {len(subjects)} simulated subjects",
        metrics=asdict(metrics),
        commit=commit,
        command=f"python -m workers.layers.train --steps {steps} --seed {seed}",
    )


def teach(
    examples: list[Example], schedule: Schedule, device: torch.device, *, kept: Path | None
) -> UNet:
    """Return a network that was trained on ``examples``, with its weights as they are stored."""
    torch.manual_seed(schedule.seed)
    network = build()
    fit(network, partial(batch, examples), layer_loss, schedule, device, kept=kept)
    _calibrate(network, device)
    network.load_state_dict({name: _stored(one) for name, one in network.state_dict().items()})
    return network


def bank(subjects: range) -> list[Example]:
    """Draw one section for each subject, once, so that training only crops."""
    return [
        Example(pixels=np.rint(normalise(one.pixels) * 127).astype(np.int8), labels=one.labels)
        for one in (section(subject) for subject in subjects)
    ]


def batch(examples: list[Example], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return crops (BATCH, 1, CROP, CROP) float32 and labels (BATCH, CROP, CROP)."""
    chosen = rng.integers(len(examples), size=BATCH)
    pixels, labels = zip(*(_crop(rng, examples[one]) for one in chosen), strict=True)
    return torch.from_numpy(np.stack(pixels))[:, None], torch.from_numpy(np.stack(labels))


def layer_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Return cross-entropy plus 1 - soft Dice, mean over the layers, pooled over the batch."""
    pixels, labels = batch
    logits = network(pixels).float()
    target = functional.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float()
    probability = logits.softmax(dim=1)
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    dice = ((2 * overlap + 1) / (total + 1)).mean()
    loss: Tensor = functional.cross_entropy(logits, labels) + 1 - dice
    return loss


def _calibrate(network: UNet, device: torch.device) -> None:
    """Divide the logits of ``network``, in place, by the temperature that fits sections unseen."""
    logits, labels = [], []
    for one in bank(CALIBRATION_SUBJECTS):
        rows, columns = (length // MULTIPLE * MULTIPLE for length in one.labels.shape)
        pixels = torch.from_numpy(one.pixels[:rows, :columns].astype(np.float32) / 127)
        with torch.inference_mode():
            found = network(pixels[None, None].to(device)).float().cpu()[0]
        # Neighbours say the same: every eighth row and column is enough.
        logits.append(found[:, ::8, ::8].flatten(1).T)
        labels.append(one.labels[:rows:8, :columns:8].ravel())
    temperature = fit_temperature(torch.cat(logits), np.eye(CLASSES)[np.concatenate(labels)])
    log.info("calibrated", temperature=temperature)
    rescale(network.head, [(1 / temperature, 0.0)] * CLASSES)


def _crop(
    rng: np.random.Generator, example: Example
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Cut, resize and disturb one window: pixel size, aspect, tilt, mirror, gain, gamma, noise."""
    rows, columns = example.labels.shape
    down, across = _pixel_size(rng)
    height, width = min(rows, int(CROP * down)), min(columns, int(CROP * across))
    # Most windows begin near the top: whole frames, which the model reads, show the surface.
    top = int((rows - height) * rng.uniform(0, 1) ** 3)
    left = int(rng.integers(columns - width + 1))
    window = np.s_[top : top + height, left : left + width]
    pixels = resize(example.pixels[window].astype(np.float32) * np.float32(1 / 127), (CROP, CROP))
    nearest = [((np.arange(CROP) + 0.5) * length / CROP).astype(int) for length in (height, width)]
    labels = example.labels[window][np.ix_(*nearest)]
    tilt = rng.normal(0, 0.06)
    shear = np.array([[1, 0, 0], [tilt, 1, -tilt * CROP / 2]], np.float32)
    pixels = _warp(pixels, shear, cv2.INTER_LINEAR)
    labels = _warp(labels, shear, cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    bright = np.maximum((pixels + 1) / 2, 0) ** np.exp(rng.normal(0, 0.25)) * 2 - 1
    bright = bright * rng.uniform(0.75, 1.15) + rng.uniform(-0.15, 0.15)
    noisy = bright + rng.uniform(0, 0.12) * rng.standard_normal(bright.shape)
    return np.clip(noisy, -1, 1).astype(np.float32), labels.astype(np.int64)


def _pixel_size(rng: np.random.Generator) -> tuple[float, float]:
    """Draw micrometres a pixel, down and across, from the sizes the model will resample to."""
    low, high = TRAINED_MICROMETRES
    down = np.exp(rng.uniform(np.log(low), np.log(high)))
    return float(down), float(np.clip(down * np.exp(rng.normal(0, 0.15)), low, high))


def _warp(picture: npt.NDArray[Any], move: npt.NDArray[np.float32], how: int) -> npt.NDArray[Any]:
    moved = cv2.warpAffine(
        picture, move, picture.shape[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved)


def _stored(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


def main() -> None:
    """Read the command line and train into the model's own ``weights/`` folder."""
    parser = training_parser(SPEC.name, steps=1200)
    asked = parser.parse_args()
    run_training(
        asked,
        lambda weights: train(
            weights,
            steps=asked.steps,
            seed=asked.seed,
            device=default_device(),
            commit=asked.commit,
            keep=asked.keep,
        ),
    )


if __name__ == "__main__":
    main()
