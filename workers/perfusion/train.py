"""Training: fit the generator to phantom pairs of photo and perfusion, against an adversary.

Run ``python -m workers.perfusion.train --commit $(git rev-parse --short HEAD)``.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog
import torch
from torch import Tensor

from shared.errors import ConfigurationError
from workers.catalog import Size, WeightsManifest
from workers.learning.augment import random_affine, random_colour, random_quality
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.folder import resolved
from workers.learning.letterbox import Letterbox
from workers.learning.training import Schedule, fit
from workers.learning.weights import load_weights, save_weights, size_of, sized, trained_before
from workers.perfusion.adversary import AdversarialLoss
from workers.perfusion.evaluate import evaluate, rivals
from workers.perfusion.familiar import drawn
from workers.perfusion.folder import MeasuredFolder, MeasuredPhoto, add_measured, measured_of
from workers.perfusion.model import (
    GENERATOR_FILE,
    TWIN_FILE,
    Perfusion,
    compact,
)
from workers.perfusion.network import WIDTHS, Generator, PatchDiscriminator
from workers.perfusion.phantom import KeloidPhantom, keloid
from workers.perfusion.postprocess import REFERENCE_PERFUSION
from workers.perfusion.preprocess import INPUT_SIZE
from workers.perfusion.spec import SPEC

log = structlog.get_logger()

_BATCH = 4
_TRAIN_SIZE = 192
_LEARNING_RATE = 2e-3
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
    size: Size | None = None,
    commit: str = "unknown",
    start: Path | None = None,
    measured: MeasuredFolder | None = None,
) -> WeightsManifest:
    """Train on ``subjects`` phantoms and write ``weights`` with their figures.

    With ``start``, a folder of weights, training goes on from there. With ``measured``, half of
    what is seen is real: photos of patients that are not held out, with measured maps.
    """
    networks = size_of(start, size)
    bank, real = draw_bank(range(subjects)), real_bank(measured) if measured else None
    photos = 0 if real is None else len(real.photos)
    log.info("bank drawn", subjects=subjects, real=photos)
    schedule = Schedule(steps=steps, seed=seed)
    generator, twin = (
        teach(
            bank,
            schedule,
            device,
            adversary=adversary,
            kept=keep and keep / name,
            real=real,
            start=load_weights(start, stored) if start else None,
            size=networks,
        )
        for adversary, name, stored in (
            (True, "generator.checkpoint", GENERATOR_FILE),
            (False, "l1.checkpoint", TWIN_FILE),
        )
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
        trained_on=(f"{photos} real photos with measured perfusion and " if photos else "")
        + f"{subjects} procedural keloid phantoms (workers/perfusion/phantom.py)",
        training_data="photos and perfusion maps of a site, and phantoms" if photos else "",
        metrics={name: round(value, 4) for name, value in asdict(metrics).items()},
        commit=commit,
        command=f"python -m workers.perfusion.train --steps {steps} --seed {seed} "
        f"--subjects {subjects}"
        + (" --images, --masks, --maps: see trained_on" if photos else "")
        + sized(networks)
        + trained_before(start),
        size=networks,
    )


def teach(
    bank: Bank,
    schedule: Schedule,
    device: torch.device,
    *,
    adversary: bool,
    kept: Path | None,
    real: Bank | None = None,
    start: dict[str, Tensor] | None = None,
    size: Size = "small",
) -> Generator:
    """Return a generator that was trained on ``bank``, against an adversary or without.

    Where there is a ``real`` one, it gives half of each batch. ``start`` is where to go on from.
    """
    schedule = replace(schedule, learning_rate=_LEARNING_RATE)
    torch.manual_seed(schedule.seed)
    width = WIDTHS[size]
    generator, discriminator = Generator(width), PatchDiscriminator(width).to(device)
    if start is not None:
        generator.load_state_dict(start)
    loss = (
        AdversarialLoss(discriminator, schedule.steps)
        if adversary
        else AdversarialLoss(discriminator, schedule.steps, alone=1.0)
    )
    fit(generator, partial(_batch, bank, real), loss, schedule, device, kept=kept)
    return generator


def draw_bank(subjects: Iterable[int]) -> Bank:
    """Return the phantoms of ``subjects``."""
    return _bank(keloid(subject, INPUT_SIZE) for subject in subjects)


def real_bank(measured: MeasuredFolder) -> Bank:
    """Return the measured photos of patients that are not held out, each in a square.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    found = [_squared(one) for one in measured.photos(held_out=False)]
    if not found:
        raise ConfigurationError("no photo has both a keloid and a map and may be learnt from")
    return _bank(found)


def _squared(one: MeasuredPhoto) -> MeasuredPhoto:
    box = Letterbox(rows=one.photo.shape[0], columns=one.photo.shape[1], size=INPUT_SIZE)
    return replace(
        one,
        photo=box.pack(one.photo),
        perfusion=box.pack(one.perfusion),
        keloid=box.pack(one.keloid.astype(np.float32)) > 0.5,
    )


def _bank(examples: Iterable[KeloidPhantom | MeasuredPhoto]) -> Bank:
    photos, perfusion, keloids = [], [], []
    for one in examples:
        levels = 128 + _LEVELS * np.log(one.perfusion / REFERENCE_PERFUSION)
        photos.append(one.photo)
        perfusion.append(np.clip(levels, 0, 255).round().astype(np.uint8))
        keloids.append(one.keloid.astype(np.uint8))
    return Bank(photos=np.stack(photos), perfusion=np.stack(perfusion), keloids=np.stack(keloids))


def _batch(bank: Bank, real: Bank | None, rng: np.random.Generator) -> tuple[Tensor, ...]:
    parts = [(bank, _BATCH)] if real is None else [(bank, _BATCH // 2), (real, _BATCH // 2)]
    chosen = [(one, rng.integers(len(one.photos), size=size)) for one, size in parts]
    photos, levels, keloids = (
        torch.from_numpy(np.concatenate([getattr(one, name)[where] for one, where in chosen]))
        for name in ("photos", "perfusion", "keloids")
    )
    photos = photos.permute(0, 3, 1, 2).float() / 255
    levels, keloids = levels[:, None].float(), keloids[:, None].float()
    truth = torch.cat([(levels - 128) / _LEVELS, keloids], dim=1)
    photos, truth = random_affine(rng, photos, truth, size=_TRAIN_SIZE, view=(0.5, 1.1))
    photos = random_quality(rng, random_colour(rng, photos))
    return photos, truth[:, :1], (truth[:, 1:] > 0.5).float()


def main() -> None:
    """Train from the command line."""
    parser = training_parser(SPEC.name, steps=3500)
    parser.add_argument("--subjects", type=int, default=1500)
    parser.add_argument("--start", type=resolved, help="go on from the weights in this folder")
    add_measured(parser)
    given = parser.parse_args()
    more = partial(train, subjects=given.subjects, start=given.start, measured=measured_of(given))
    run_training(given, more)


if __name__ == "__main__":
    main()
