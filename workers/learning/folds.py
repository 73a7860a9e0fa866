"""Folds: train without a fifth of the subjects and read that fifth, five times.

``cutis eval MODEL --folds``. The shipped weights are another training, on all of the subjects.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog
import torch

from shared.errors import ConfigurationError
from workers.contract import ModelSpec
from workers.learning.page import write
from workers.learning.results import Row, Table, tabulate
from workers.learning.training import Schedule, default_device

Case = TypeVar("Case")
Figures = Callable[[Sequence[Case]], Mapping[str, float]]

log = structlog.get_logger()

FOLDS = 5

_NOT_OF_FOLDS = ("quick", "held_out", "images", "masks", "maps", "grades", "groups")

_NOTE = (
    "Each subject was read once, by a network trained for {steps} steps on the other four fifths "
    "of {count} subjects; subjects are split by their number, every fifth together. {note}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training: on ``learnt`` subjects, as ``schedule`` says, with a checkpoint in ``kept``."""

    learnt: tuple[int, ...]
    left_out: range
    schedule: Schedule
    device: torch.device
    kept: Path


def add_folds(parser: argparse.ArgumentParser, *, steps: int) -> None:
    """Add the options of five folds; ``steps`` is their default."""
    parser.add_argument("--folds", action="store_true", help="train five times, each on 4/5")
    parser.add_argument("--steps", type=int, default=steps, help="of each fold's training")


def write_folds(
    given: argparse.Namespace,
    spec: ModelSpec,
    subjects: range,
    read: Callable[[Fold], list[Case]],
    *,
    rows: Sequence[Row],
    figures: Figures[Case],
    note: str,
) -> str:
    """Train, read and write the tables as ``given`` says; return the Markdown.

    Raises
    ------
    ConfigurationError
        An option is given that five trainings on phantoms take no notice of.
    """
    idle = [name for name in _NOT_OF_FOLDS if getattr(given, name, None)]
    if idle:
        raise ConfigurationError(f"--folds takes no --{idle[0].replace('_', '-')}")
    keep = Path("var/training") / f"{spec.name}-folds"
    folds = read_folds(subjects, read, steps=given.steps, device=default_device(), keep=keep)
    return write(
        given.output,
        f"{spec.name}-folds",
        f"{spec.title}: five folds",
        fold_tables(
            folds,
            rows,
            figures,
            note=_NOTE.format(count=len(subjects), steps=given.steps, note=note),
        ),
        command=f"cutis eval {spec.name} --folds --steps {given.steps}",
    )


def read_folds(
    subjects: range,
    read: Callable[[Fold], list[Case]],
    *,
    steps: int,
    device: torch.device,
    keep: Path,
) -> list[list[Case]]:
    """Return the cases of each fold; ``keep`` holds a folder of checkpoints for each."""
    found = []
    for number in range(FOLDS):
        left_out = subjects[number::FOLDS]
        fold = Fold(
            learnt=tuple(one for one in subjects if one not in left_out),
            left_out=left_out,
            schedule=Schedule(steps=steps, seed=number),
            device=device,
            kept=keep / f"fold-{number + 1}",
        )
        started = time.monotonic()
        found.append(read(fold))
        log.info("fold", number=number + 1, seconds=round(time.monotonic() - started))
    return found


def fold_tables(
    folds: Sequence[Sequence[Case]], rows: Sequence[Row], figures: Figures[Case], *, note: str
) -> list[Table]:
    """Return the table over all subjects, and one for each fold."""
    cases = [one for fold in folds for one in fold]
    plain = [replace(row, headline=False) for row in rows]
    return [
        tabulate("Five folds", note, rows, cases, figures),
        *(
            tabulate(f"Fold {number}", f"{len(fold)} subjects.", plain, fold, figures)
            for number, fold in enumerate(folds, start=1)
        ),
    ]
