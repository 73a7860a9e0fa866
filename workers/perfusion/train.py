"""Training: fit the generator to phantom pairs of photo and perfusion, against an adversary.

Run ``python -m workers.perfusion.train --commit $(git rev-parse --short HEAD)``.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog
import torch
from torch import Tensor

from workers.catalog import WeightsManifest
from workers.learning.augment import random_affine, random_colour, random_quality
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.training import Schedule, fit
from workers.learning.weights import save_weights
from workers.perfusion.adversary import AdversarialLoss
from workers.perfusion.evaluate import evaluate, rivals
from workers.perfusion.familiar import drawn
from workers.perfusion.model import (
    GENERATOR_FILE,
    TWIN_FILE,
    Perfusion,
    compact,
)
from workers.perfusion.network import Generator, PatchDiscriminator
from workers.perfusion.phantom import keloid
from workers.perfusion.postprocess import REFERENCE_PERFUSION
from workers.perfusion.preprocess import INPUT_SIZE
from workers.perfusion.spec import SPEC

log = structlog.get_logger()

_BATCH = 4
_TRAIN_SIZE = 192
_LEVELS = 60.0
"""Grey levels per unit of log perfusion in the bank; its zero is at level 128."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Phantoms in memory, all uint8: photos, log perfusion in levels, keloid masks."""

    photos: npt.NDArray[np.uint8]
    perfusion: npt.NDArray[np.uint8]
    keloids: npt.NDArray[np.uint8]


def train(
    weights: Path,
    *,
    steps: int,
    seed: int,
    device: torch.device,
    subjects: int = 1500,
    keep: Path | None = None,
    commit: str = "unknown",
) -> WeightsManifest:
    """Train on ``subjects`` phantoms and write ``weights`` with their figures."""
    bank = draw_bank(range(subjects))
    log.info("bank drawn", subjects=subjects)
    schedule = Schedule(steps=steps, seed=seed, learning_rate=2e-3)
    generator, twin = (
        teach(bank, schedule, device, adversary=adversary, kept=keep and keep / name)
        for adversary, name in ((True, "generator.checkpoint"), (False, "l1.checkpoint"))
    )
    metrics = evaluate(rivals(Perfusion(generator, device), Perfusion(twin, device)))
    log.info("evaluated", **asdict(metrics))
    return save_weights(
        weights,
        {
            GENERATOR_FILE: compact(generator.state_dict()),
            TWIN_FILE: compact(twin.state_dict()),
            FAMILIARITY_FILE: fit_familiarity(drawn).state(),
        },
        model=SPEC.name,
        version=SPEC.version,
        trained_on=f"{subjects} procedural keloid phantoms (workers/perfusion/phantom.py)",
        metrics={name: round(value, 4) for name, value in asdict(metrics).items()},
        commit=commit,
        command=f"python -m workers.perfusion.train --steps {steps} --seed {seed} "
        f"--subjects {subjects}",
    )


def teach(
    bank: Bank,
    schedule: Schedule,
    device: torch.device,
    *,
    adversary: bool,
    kept: Path | None,
) -> Generator:
    """Return a generator that was trained on ``bank``, against an adversary or without."""
    torch.manual_seed(schedule.seed)
    generator, discriminator = Generator(), PatchDiscriminator().to(device)
    loss = (
        AdversarialLoss(discriminator, schedule.steps)
        if adversary
        else AdversarialLoss(discriminator, schedule.steps, alone=1.0)
    )
    fit(generator, partial(_batch, bank), loss, schedule, device, kept=kept)
    return generator


def draw_bank(subjects: range) -> Bank:
    """Return the phantoms of ``subjects``."""
    photos, perfusion, keloids = [], [], []
    for subject in subjects:
        one = keloid(subject, INPUT_SIZE)
        levels = 128 + _LEVELS * np.log(one.perfusion / REFERENCE_PERFUSION)
        photos.append(one.photo)
        perfusion.append(np.clip(levels, 0, 255).round().astype(np.uint8))
        keloids.append(one.keloid.astype(np.uint8))
    return Bank(photos=np.stack(photos), perfusion=np.stack(perfusion), keloids=np.stack(keloids))


def _batch(bank: Bank, rng: np.random.Generator) -> tuple[Tensor, ...]:
    chosen = rng.integers(len(bank.photos), size=_BATCH)
    photos = torch.from_numpy(bank.photos[chosen]).permute(0, 3, 1, 2).float() / 255
    levels = torch.from_numpy(bank.perfusion[chosen])[:, None].float()
    keloids = torch.from_numpy(bank.keloids[chosen])[:, None].float()
    truth = torch.cat([(levels - 128) / _LEVELS, keloids], dim=1)
    photos, truth = random_affine(rng, photos, truth, size=_TRAIN_SIZE, view=(0.5, 1.1))
    photos = random_quality(rng, random_colour(rng, photos))
    return photos, truth[:, :1], (truth[:, 1:] > 0.5).float()


def main() -> None:
    """Train from the command line."""
    parser = training_parser(SPEC.name, steps=3500)
    parser.add_argument("--subjects", type=int, default=1500)
    given = parser.parse_args()
    run_training(given, partial(train, subjects=given.subjects))


if __name__ == "__main__":
    main()
