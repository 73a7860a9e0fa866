"""Folds and plots of every model: one short training without two subjects, and these read."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from workers.catalog import models
from workers.learning.draw import draw
from workers.learning.folds import Fold
from workers.learning.training import Schedule

FEW = {"inflammation": "BASELINE_SUBJECTS", "segmentation": "CALIBRATION_SUBJECTS"}


@pytest.mark.parametrize("model", sorted(models()))
def test_a_model_is_judged_on_the_subjects_its_fold_left_out(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report: Any = import_module(f"workers.{model}.report")
    train: Any = import_module(f"workers.{model}.train")
    for module, name in ((report, FEW.get(model)), (train, "CALIBRATION_SUBJECTS")):
        if name is not None and hasattr(module, name):
            monkeypatch.setattr(module, name, range(500_000, 500_012))
    fold = Fold(
        learnt=tuple(range(200, 206)),
        left_out=range(206, 210),
        schedule=Schedule(steps=1, seed=0),
        device=torch.device("cpu"),
        kept=tmp_path / "kept",
    )

    cases = report.read_fold(fold)

    assert len(cases) == len(fold.left_out)
    # Its follow-up and robustness are no part of a fold.
    more: list[list[Any]] = [[], []] if model == "perfusion" else []
    draw(tmp_path / "plots.svg", report.plots(cases, *more))
    assert (tmp_path / "plots.svg").is_file()
