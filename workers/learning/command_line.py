"""Command line: the options that every model's ``train`` and ``evaluate`` take."""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, get_args

import cv2
import torch

from shared.errors import ConfigurationError
from workers.catalog import Size, model_folder
from workers.learning.training import default_device
from workers.ray_security import have_ray_ask_for_tokens


def training_parser(model: str, *, steps: int) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.train``; ``steps`` is its default."""
    parser = argparse.ArgumentParser(
        prog=f"python -m workers.{model}.train", description=f"Train the model {model}."
    )
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument(
        "--size",
        choices=get_args(Size),
        help="of the networks: small (for two cores), or full (wider, for a GPU)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    parser.add_argument("--commit", default="unknown", help="the commit this is trained from")
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path("var/training") / model,
        help="folder for checkpoints: a training that was killed goes on from there",
    )
    parser.add_argument("--weights", type=Path, default=model_folder(model) / "weights")
    parser.add_argument(
        "--workers", type=int, default=1, help="train in so many processes, by Ray Train"
    )
    parser.add_argument("--ray", default="local", help="address of the Ray cluster they run on")
    return parser


class Training(Protocol):
    """A model's training, into the folder ``weights``; the rest as the command line says."""

    def __call__(
        self,
        weights: Path,
        *,
        steps: int,
        seed: int,
        device: torch.device,
        commit: str,
        keep: Path,
        size: Size | None,
    ) -> object:
        """Train and write."""


def run_training(given: argparse.Namespace, train: Training) -> None:
    """Call ``train`` as ``given`` says: here, or by Ray Train in several processes.

    Raises
    ------
    shared.errors.ConfigurationError
        Several processes are asked for and Ray Train is not installed.
    """
    given.keep = given.keep.resolve()
    weights = given.weights.resolve()
    use_threads(given.threads)

    def work(folder: Path) -> object:
        return train(
            folder,
            steps=given.steps,
            seed=given.seed,
            device=default_device(),  # of the process that trains, which may be elsewhere
            commit=given.commit,
            keep=given.keep,
            size=given.size,
        )

    if given.workers == 1:
        work(weights)
        return
    have_ray_ask_for_tokens()  # before Ray is imported: it decides on it then
    try:
        # An extra of its own: who trains in one process needs no Ray Train.
        from workers.learning.scale_out import train_together  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigurationError("--workers needs the extra cutis[training]") from missing
    train_together(work, weights, workers=given.workers, address=given.ray, keep=given.keep)


def weights_parser(model: str) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.familiar``."""
    parser = argparse.ArgumentParser(prog=f"python -m workers.{model}.familiar")
    parser.add_argument("--weights", type=Path, default=model_folder(model) / "weights")
    return parser


def evaluation_parser(model: str) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.report``.

    Raises
    ------
    shared.errors.ConfigurationError
        What draws the plots is not installed: better said before minutes of evaluation.
    """
    if find_spec("matplotlib") is None:
        raise ConfigurationError("plots need the extra cutis[evaluation]")
    parser = argparse.ArgumentParser(
        prog=f"python -m workers.{model}.report",
        description=f"Print the tables of the model {model} and write them, with plots.",
    )
    parser.add_argument("--weights", type=Path, default=model_folder(model) / "weights")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), help="a folder")
    parser.add_argument("--quick", action="store_true", help="a quarter of the subjects")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    return parser


def fewer(subjects: range, *, quick: bool) -> range:
    """Return ``subjects``, or the first quarter of them."""
    return subjects[: len(subjects) // 4] if quick else subjects


def use_threads(threads: int) -> None:
    """Let torch and OpenCV use so many threads; 0 leaves both as they are."""
    if threads:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
