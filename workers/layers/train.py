"""Train: teach the network on simulated sections (``python -m workers.layers.train``)."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.catalog import Size, WeightsManifest
from workers.layers.bank import Example, bank, batch, real_bank
from workers.layers.evaluate import evaluate
from workers.layers.familiar import drawn
from workers.layers.folder import sections_of
from workers.layers.model import WEIGHTS_FILE, Layers
from workers.layers.network import CLASSES, build
from workers.layers.spec import SPEC
from workers.learning.blocks import UNet
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.folder import Folder, add_folder, resolved
from workers.learning.training import Schedule, fit
from workers.learning.weights import load_weights, save_weights, size_of, sized, trained_before

log = structlog.get_logger()

TRAINING_SUBJECTS = range(600)


def train(
    weights: Path,
    *,
    steps: int,
    seed: int,
    device: torch.device,
    commit: str = "",
    keep: Path | None = None,
    size: Size | None = None,
    subjects: range = TRAINING_SUBJECTS,
    start: Path | None = None,
    sections: Folder | None = None,
) -> WeightsManifest:
    """Train, evaluate on unseen subjects, and write weights and manifest.

    With ``start``, a folder of weights, training goes on from there. With ``sections``, half of
    what is seen is real: those of patients that :func:`workers.learning.folder.is_held_out` does
    not keep for the evaluation. The weights are stored as float16 and evaluated as they are stored.
    """
    networks = size_of(start, size)
    examples = bank(subjects)
    real = real_bank(sections) if sections else []
    log.info("bank drawn", sections=len(examples), real=len(real))
    kept = keep and keep / "network.checkpoint"
    schedule = Schedule(steps=steps, seed=seed)
    network = teach(examples, schedule, device, kept=kept, real=real, start=start, size=networks)
    metrics = evaluate(Layers(network, device))
    return save_weights(
        weights,
        {
            WEIGHTS_FILE: {name: _stored(value) for name, value in network.state_dict().items()},
            FAMILIARITY_FILE: fit_familiarity(drawn).state(),
        },
        model=SPEC.name,
        version=SPEC.version,
        trained_on=(
            f"{len(real)} real sections and {len(subjects)} simulated subjects"
            if real
            else f"{SPEC.training_data}; {len(subjects)} simulated subjects"
        ),
        training_data="sections on which people of a site drew, and phantoms" if real else "",
        metrics=asdict(metrics),
        commit=commit,
        command=f"python -m workers.layers.train --steps {steps} --seed {seed}"
        + (" --images, --masks: see trained_on" if real else "")
        + sized(networks)
        + trained_before(start),
        size=networks,
    )


def teach(
    examples: list[Example],
    schedule: Schedule,
    device: torch.device,
    *,
    kept: Path | None,
    real: Sequence[Example] = (),
    start: Path | None = None,
    size: Size = "small",
) -> UNet:
    """Return a network that was trained on ``examples``, with its weights as they are stored.

    Where there are ``real`` ones, they are half of each batch. ``start`` is where to go on from.
    """
    torch.manual_seed(schedule.seed)
    network = build(size)
    if start is not None:
        network.load_state_dict(load_weights(start, WEIGHTS_FILE))
    fit(network, partial(batch, examples, real), layer_loss, schedule, device, kept=kept)
    network.load_state_dict({name: _stored(one) for name, one in network.state_dict().items()})
    return network


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


def _stored(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


def main() -> None:
    """Read the command line and train into the model's own ``weights/`` folder."""
    parser = training_parser(SPEC.name, steps=1600)
    parser.add_argument("--start", type=resolved, help="go on from the weights in this folder")
    add_folder(parser)
    asked = parser.parse_args()
    run_training(asked, partial(train, start=asked.start, sections=sections_of(asked)))


if __name__ == "__main__":
    main()
