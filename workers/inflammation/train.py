"""Train: teach the network on simulated fields (``python -m workers.inflammation.train``)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.errors import ConfigurationError
from workers.catalog import Size, WeightsManifest
from workers.inflammation.evaluate import evaluate, read
from workers.inflammation.familiar import drawn
from workers.inflammation.folder import GradedFolder, add_grades, graded_of, tiles
from workers.inflammation.model import WEIGHTS_FILE, Inflammation
from workers.inflammation.network import GRADES, STRIDE, WINDOW, TextureNet
from workers.inflammation.phantom import DRAWN_MICROMETRES, field
from workers.inflammation.preprocess import WORKING_MICROMETRES, normalise
from workers.inflammation.spec import SPEC
from workers.learning.command_line import run_training, training_parser
from workers.learning.familiarity import FAMILIARITY_FILE, fit_familiarity
from workers.learning.folder import half_real, resolved
from workers.learning.grayscale import resize
from workers.learning.platt import fit_temperature, rescale
from workers.learning.training import Schedule, fit
from workers.learning.weights import load_weights, save_weights, size_of, sized, trained_before

log = structlog.get_logger()

TRAINING_SUBJECTS = range(5000)
CALIBRATION_SUBJECTS = range(500_000, 500_200)
"""Neither trained nor tested on: where it has trained, a network is surer than it should be."""

SIDE = 256
BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One field: ``pixels`` (SIDE, SIDE) uint8 and the true score of each window, (n, n)."""

    pixels: npt.NDArray[np.uint8]
    scores: npt.NDArray[np.float32]


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
    graded: GradedFolder | None = None,
) -> WeightsManifest:
    """Train, evaluate on unseen subjects, and write weights and manifest.

    With ``start``, a folder of weights, training goes on from there. With ``graded``, half of
    what is seen is real: fields of patients that are not held out, of one grade all over.
    """
    networks = size_of(start, size)
    examples = bank(subjects)
    real = real_bank(graded) if graded else []
    log.info("bank drawn", fields=len(examples), real=len(real))
    schedule = Schedule(steps=steps, seed=seed)
    network = teach(examples, schedule, device, kept=keep, real=real, start=start, size=networks)
    metrics = evaluate(Inflammation(network, device))
    return save_weights(
        weights,
        {
            WEIGHTS_FILE: network.state_dict(),
            FAMILIARITY_FILE: fit_familiarity(drawn).state(),
        },
        model=SPEC.name,
        version=SPEC.version,
        trained_on=(
            f"{len(real)} squares of graded fields and {len(subjects)} simulated subjects"
            if real
            else f"{SPEC.training_data}; {len(subjects)} simulated subjects"
        ),
        training_data="graded confocal fields of a site, and phantoms" if real else "",
        metrics=asdict(metrics),
        commit=commit,
        command=f"python -m workers.inflammation.train --steps {steps} --seed {seed}"
        + (" --images, --grades: see trained_on" if real else "")
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
) -> TextureNet:
    """Return a network that was trained on ``examples`` and calibrated on fields unseen.

    Where there are ``real`` ones, they are half of each batch. ``start`` is where to go on from.
    """
    torch.manual_seed(schedule.seed)
    network = TextureNet(size)
    if start is not None:
        network.load_state_dict(load_weights(start, WEIGHTS_FILE))
    fit(
        network,
        partial(batch, examples, real),
        grade_loss,
        schedule,
        device,
        kept=kept and kept / "network.checkpoint",
    )
    _calibrate(network, device)
    _straighten(network, device)
    return network


def bank(subjects: Sequence[int]) -> list[Example]:
    """Draw one field for each subject, once, at a pixel size of its own."""
    return [_example(subject) for subject in subjects]


def real_bank(graded: GradedFolder) -> list[Example]:
    """Return the graded fields of patients that are not held out, in squares of SIDE pixels.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    found = [
        Example(pixels=pixels, scores=window_means(np.full((SIDE, SIDE), one.grade, np.float32)))
        for one in graded.fields(held_out=False)
        for pixels in tiles(one, SIDE)
    ]
    if not found:
        raise ConfigurationError("no graded field is large enough and of a patient to learn from")
    return found


def batch(
    examples: list[Example], real: Sequence[Example], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return (BATCH, 1, SIDE, SIDE) normalised pixels and (BATCH, n, n) window scores."""
    chosen = half_real(examples, real, rng, BATCH)
    pixels, scores = zip(*(_disturb(rng, one) for one in chosen), strict=True)
    return torch.from_numpy(np.stack(pixels))[:, None], torch.from_numpy(np.stack(scores))


def grade_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Return the cross-entropy of windows and whole field against the grades next to the score.

    A score of 2.3 is taught as 70 % grade 2 and 30 % grade 3, so that the expected grade is the
    score and no information is lost to rounding.
    """
    pixels, scores = batch
    windows, fields = network(pixels)
    of_windows = functional.cross_entropy(windows.float(), soft_grades(scores))
    field_scores = scores.mean(dim=(1, 2), keepdim=True)
    return of_windows + functional.cross_entropy(fields.float(), soft_grades(field_scores))


def soft_grades(scores: Tensor) -> Tensor:
    """Return the weights of the five grades whose mean is each score: (N, h, w) → (N, 5, h, w)."""
    grades = torch.arange(GRADES, device=scores.device)[:, None, None]
    return (1 - (scores[:, None] - grades).abs()).clamp(min=0)


def _calibrate(network: TextureNet, device: torch.device) -> None:
    """Divide the logits of both heads, in place, by the temperatures that fit fields unseen."""
    logits: tuple[list[Tensor], list[Tensor]] = ([], [])
    shares: tuple[list[Tensor], list[Tensor]] = ([], [])
    for one in bank(CALIBRATION_SUBJECTS):
        pixels = torch.from_numpy(normalise(one.pixels.astype(np.float32)))
        with torch.inference_mode():
            found = network(pixels[None, None].to(device))
        windows = torch.from_numpy(one.scores)[None]
        for head, scores in enumerate((windows, windows.mean(dim=(1, 2), keepdim=True))):
            logits[head].append(found[head].float().cpu().flatten(2)[0].T)
            shares[head].append(soft_grades(scores).flatten(2)[0].T)
    for head, layers in enumerate((network.grade, network.whole)):
        temperature = fit_temperature(torch.cat(logits[head]), torch.cat(shares[head]))
        log.info("calibrated", temperature=temperature)
        rescale(layers[-1], [(1 / temperature, 0.0)] * GRADES)


def _straighten(network: TextureNet, device: torch.device) -> None:
    """Fit the line from both scores of a field to the true one, on whole fields unseen."""
    network.line.copy_(torch.tensor([0.0, 1.0, 0.0]))  # what ``start`` had would be applied twice
    cases = read(Inflammation(network, device), CALIBRATION_SUBJECTS)
    seen = [(1.0, one.found, one.found_map.mean()) for one in cases]
    line, *_ = np.linalg.lstsq(np.array(seen), np.array([one.true for one in cases]), rcond=None)
    log.info("straightened", line=line.tolist())
    network.line.copy_(torch.from_numpy(line))


def window_means(score: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of ``score`` over each window the network would grade."""
    windows = np.lib.stride_tricks.sliding_window_view(score, (WINDOW, WINDOW))
    return np.asarray(windows[::STRIDE, ::STRIDE].mean(axis=(2, 3)), dtype=np.float32)


def _example(subject: int) -> Example:
    low, high = np.log(DRAWN_MICROMETRES)
    size = float(np.exp(np.random.default_rng((subject, 1)).uniform(low, high)))
    side = round(SIDE * WORKING_MICROMETRES / size)
    one = field(subject, rows=side, columns=side, micrometres_per_pixel=size)
    pixels = resize(one.pixels.astype(np.float32), (SIDE, SIDE))
    scores = resize(one.score, (SIDE, SIDE))
    return Example(pixels=np.clip(pixels, 0, 255).astype(np.uint8), scores=window_means(scores))


def _disturb(
    rng: np.random.Generator, example: Example
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Turn, mirror, change gamma, add noise and blur; then normalise as the model does."""
    turns, mirror = int(rng.integers(4)), bool(rng.random() < 0.5)
    pixels, scores = np.rot90(example.pixels, turns), np.rot90(example.scores, turns)
    if mirror:
        pixels, scores = pixels[:, ::-1], scores[:, ::-1]
    bright = (pixels.astype(np.float32) / 255) ** np.exp(rng.normal(0, 0.25))
    bright = bright + rng.uniform(0, 0.05) * rng.standard_normal(bright.shape, np.float32)
    if rng.random() < 0.3:
        bright = cv2.GaussianBlur(bright, (0, 0), rng.uniform(0.4, 1.0)).astype(np.float64)
    return normalise(bright), scores.copy()


def main() -> None:
    """Read the command line and train into the model's own ``weights/`` folder."""
    parser = training_parser(SPEC.name, steps=8000)
    parser.add_argument("--start", type=resolved, help="go on from the weights in this folder")
    add_grades(parser)
    asked = parser.parse_args()
    run_training(asked, partial(train, start=asked.start, graded=graded_of(asked)))


if __name__ == "__main__":
    main()
