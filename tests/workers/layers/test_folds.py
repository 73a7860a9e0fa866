from pathlib import Path
from typing import Any

import pytest
import torch

from workers.layers import folds
from workers.learning.training import Schedule


def test_each_subject_is_read_once_by_a_network_that_has_not_learnt_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def teach(examples: list[int], schedule: Schedule, device: Any, *, kept: Path) -> list[int]:
        checkpoints.append(kept)
        return examples

    checkpoints: list[Path] = []
    monkeypatch.setattr(folds, "bank", list)
    monkeypatch.setattr(folds, "teach", teach)
    monkeypatch.setattr(folds, "Layers", lambda learnt, device: learnt)
    monkeypatch.setattr(folds, "figures", lambda cases: {"dice": 0.0})
    monkeypatch.setattr(
        folds, "read", lambda learnt, subjects: [(set(learnt), one) for one in subjects]
    )

    found: Any = folds.read_folds(
        range(23), steps=1, seed=0, device=torch.device("cpu"), keep=tmp_path
    )

    subjects = [one for fold in found for _, one in fold]
    assert sorted(subjects) == list(range(23))
    assert all(one not in learnt for fold in found for learnt, one in fold)
    assert len(set(checkpoints)) == folds.FOLDS
