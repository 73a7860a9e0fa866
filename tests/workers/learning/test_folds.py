import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.errors import ConfigurationError
from workers.inflammation.spec import SPEC
from workers.learning.folds import FOLDS, Fold, add_folds, read_folds, write_folds
from workers.learning.results import Row

ROWS = (Row(figure="mean", label="mean", published=3.0, headline=True),)


@dataclass(frozen=True)
class Case:
    subject: int
    learnt: frozenset[int]


def read(fold: Fold) -> list[Case]:
    return [Case(one, frozenset(fold.learnt)) for one in fold.left_out]


def figures(cases: Sequence[Case]) -> dict[str, float]:
    return {"mean": float(np.mean([one.subject for one in cases]))}


def test_each_subject_is_read_once_by_a_network_that_has_not_learnt_it(tmp_path: Path) -> None:
    trainings: list[Fold] = []

    def noted(fold: Fold) -> list[Case]:
        trainings.append(fold)
        return read(fold)

    found = read_folds(range(100, 123), noted, steps=7, device=torch.device("cpu"), keep=tmp_path)

    cases = [one for fold in found for one in fold]
    assert sorted(one.subject for one in cases) == list(range(100, 123))
    assert all(one.subject not in one.learnt for one in cases)
    assert {len(one.learnt) for one in cases} == {18, 19}
    assert len({one.kept for one in trainings}) == FOLDS, "a checkpoint each"
    assert len({one.schedule.seed for one in trainings}) == FOLDS
    assert {one.schedule.steps for one in trainings} == {7}


def test_the_page_has_all_subjects_first_then_each_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path)
    add_folds(parser, steps=7)
    given = parser.parse_args(["--folds", "--output", str(tmp_path / "results")])

    said = write_folds(given, SPEC, range(25), read, rows=ROWS, figures=figures, note="So it is.")

    assert "trained for 7 steps on the other four fifths of 25 subjects" in said
    assert "So it is." in said
    assert f"- command: cutis eval {SPEC.name} --folds --steps 7" in said
    page = json.loads((tmp_path / "results" / f"{SPEC.name}-folds.json").read_text())
    lines = [table["lines"][0] for table in page["tables"]]
    assert [one["value"] for one in lines] == [12, 10, 11, 12, 13, 14]
    assert [one["headline"] for one in lines] == [True, *FOLDS * [False]]


def test_options_that_five_trainings_take_no_notice_of_are_refused(tmp_path: Path) -> None:
    given = argparse.Namespace(folds=True, steps=1, output=tmp_path, held_out=True)

    with pytest.raises(ConfigurationError, match="--folds takes no --held-out"):
        write_folds(given, SPEC, range(5), read, rows=ROWS, figures=figures, note="")
