import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.pulse import Pulse, is_beating


def test_a_pulse_that_just_beat_is_beating(tmp_path: Path) -> None:
    Pulse(tmp_path / "pulse").beat()

    assert is_beating(tmp_path / "pulse", 60)


def test_a_process_that_never_beat_has_no_pulse(tmp_path: Path) -> None:
    assert not is_beating(tmp_path / "pulse", 60)


def test_a_process_that_stopped_has_no_pulse(tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    Pulse(path).beat()
    before = time.time() - 61
    os.utime(path, (before, before))

    assert not is_beating(path, 60)


def test_a_pulse_without_a_file_beats_nowhere() -> None:
    Pulse(None).beat()


@pytest.mark.parametrize(("beats", "status"), [(True, 0), (False, 1)])
def test_the_command_ends_as_the_pulse_is(tmp_path: Path, *, beats: bool, status: int) -> None:
    path = tmp_path / "pulse"
    if beats:
        Pulse(path).beat()
    command = [sys.executable, "-m", "shared.pulse", str(path), "60"]

    assert subprocess.run(command, check=False).returncode == status
