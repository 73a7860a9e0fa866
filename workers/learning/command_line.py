"""Command line: the options that every model's ``train`` and ``evaluate`` take."""

import argparse
from pathlib import Path

import cv2
import torch

from workers.catalog import model_folder


def training_parser(model: str, *, steps: int) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.train``; ``steps`` is its default."""
    parser = argparse.ArgumentParser(
        prog=f"python -m workers.{model}.train", description=f"Train the model {model}."
    )
    parser.add_argument("--steps", type=int, default=steps)
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
    return parser


def weights_parser(model: str) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.familiar``."""
    parser = argparse.ArgumentParser(prog=f"python -m workers.{model}.familiar")
    parser.add_argument("--weights", type=Path, default=model_folder(model) / "weights")
    return parser


def evaluation_parser(model: str) -> argparse.ArgumentParser:
    """Return the parser of ``python -m workers.MODEL.evaluate``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m workers.{model}.evaluate",
        description=f"Print the tables of the model {model} and write them as Markdown and JSON.",
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
