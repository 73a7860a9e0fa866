"""The commands that train and judge models."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from workers.catalog import models


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Give the commands that would have been run; the second of several fails."""
    found: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        found.append(command)
        return subprocess.CompletedProcess(command, int(len(found) == 2))

    monkeypatch.setattr("services.cli.science.subprocess.run", run)
    return found


def test_eval_judges_every_model_with_the_same_options_and_says_which_failed(
    started: list[list[str]],
) -> None:
    result = CliRunner().invoke(app, ["eval", "--quick", "--output", "tables"])

    reports = [f"workers.{name}.report" for name in sorted(models())]
    assert [one[2] for one in started] == [*reports, "workers.learning.overview"]
    assert all(one[3:] == ["--quick", "--output", "tables"] for one in started)
    assert result.exit_code == 1
    assert f"the evaluation of {sorted(models())[1]} failed" in result.output


def test_train_is_the_training_of_one_model(started: list[list[str]]) -> None:
    result = CliRunner().invoke(app, ["train", "layers", "--steps", "3"])

    assert started == [[sys.executable, "-m", "workers.layers.train", "--steps", "3"]]
    assert result.exit_code == 0


def test_gather_is_told_the_model_and_all_options(started: list[list[str]]) -> None:
    result = CliRunner().invoke(app, ["gather", "segmentation", "--output", "folder"])

    expected = ["-m", "workers.learning.gather", "segmentation", "--output", "folder"]
    assert started == [[sys.executable, *expected]]
    assert result.exit_code == 0


@pytest.mark.parametrize("command", ["train", "gather"])
def test_a_model_that_is_not_there_is_refused(started: list[list[str]], command: str) -> None:
    result = CliRunner().invoke(app, [command, "moles"])

    assert result.exit_code == 1
    assert "no model moles" in result.output
    assert started == []


def test_every_model_has_what_the_commands_start() -> None:
    folder = Path(__file__).parents[3] / "workers"

    for name in models():
        for module in ("train", "report"):
            assert 'if __name__ == "__main__":' in (folder / name / f"{module}.py").read_text()
