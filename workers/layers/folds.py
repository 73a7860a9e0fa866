"""Folds: train without a fifth of the subjects and read that fifth, five times.

``cutis eval layers --folds``. The shipped weights are another training, on all of these subjects.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog
import torch

from workers.layers.bank import bank
from workers.layers.evaluate import Case, read
from workers.layers.figures import DICE_ROWS, figures
from workers.layers.model import Layers
from workers.layers.train import TRAINING_SUBJECTS, teach
from workers.learning.results import Table, tabulate
from workers.learning.training import Schedule

log = structlog.get_logger()

FOLDS = 5

_NOTE = (
    "Each subject was read once, by a network trained for {steps} steps on the other four fifths "
    "of {count} subjects; subjects are split by their number, every fifth together. Published: "
    "layers of LC-OCT by a U-Net over five folds."
)


def read_folds(
    subjects: range = TRAINING_SUBJECTS, *, steps: int, seed: int, device: torch.device, keep: Path
) -> list[list[Case]]:
    """Return the cases of each fold; ``keep`` holds a checkpoint for each."""
    examples = bank(subjects)
    found = []
    for fold in range(FOLDS):
        learnt = [one for number, one in enumerate(examples) if number % FOLDS != fold]
        kept = keep / f"fold-{fold + 1}.checkpoint"
        network = teach(learnt, Schedule(steps=steps, seed=seed + fold), device, kept=kept)
        found.append(read(Layers(network, device), subjects[fold::FOLDS]))
        log.info("fold", number=fold + 1, dice=figures(found[-1])["dice"])
    return found


def fold_tables(folds: Sequence[Sequence[Case]], *, steps: int) -> list[Table]:
    """Return the table over all subjects, and one for each fold."""
    cases = [one for fold in folds for one in fold]
    plain = [replace(row, headline=False) for row in DICE_ROWS]
    note = _NOTE.format(steps=steps, count=len(cases))
    return [
        tabulate("Five folds", note, DICE_ROWS, cases, figures),
        *(
            tabulate(f"Fold {number}", f"{len(fold)} subjects.", plain, fold, figures)
            for number, fold in enumerate(folds, start=1)
        ),
    ]
