"""A thread that a process cannot do without takes the process with it."""

import subprocess
import sys

import pytest

from shared.vital import STATUS


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("vital_thread(lambda: 1 / 0, name='t', stopping=Event())", STATUS),
        ("vital_thread(lambda: None, name='t', stopping=Event())", 0),
        ("Heart(lambda: 1 / 0, 60, 't')._thread", STATUS),
    ],
)
def test_an_unforeseen_end_of_a_vital_thread_ends_the_process(code: str, status: int) -> None:
    program = (
        "from threading import Event; from shared.heart import Heart; "
        f"from shared.vital import vital_thread; one = {code}; one.start(); one.join()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == status
