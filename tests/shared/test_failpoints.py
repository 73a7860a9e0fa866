import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.failpoints import FAILPOINTS, STATUS, Failpoints, failpoint

ROOT = Path(__file__).parents[2]
ROLES = {Path("shared/stage.py"): ("worker", "writer")}


def test_a_failpoint_that_nobody_armed_does_nothing() -> None:
    failpoint("listener.after-commit")


def test_a_failpoint_is_due_from_its_passage_on() -> None:
    armed = Failpoints("worker.after-claim=3, writer.after-claim=1")

    assert [armed.is_due("worker.after-claim") for _ in range(4)] == [False, False, True, True]
    assert armed.is_due("writer.after-claim")
    assert not armed.is_due("worker.after-predict")


def test_a_number_with_a_point_is_a_probability() -> None:
    armed = Failpoints("worker.after-claim=0.0,writer.after-claim=1.0")

    assert not any(armed.is_due("worker.after-claim") for _ in range(50))
    assert armed.is_due("writer.after-claim")


def test_with_marks_a_failpoint_fires_once_until_its_mark_is_removed(tmp_path: Path) -> None:
    def due() -> bool:  # as a process does that was started again
        return Failpoints("worker.after-claim=1", tmp_path).is_due("worker.after-claim")

    assert [due(), due()] == [True, False]
    (tmp_path / "worker.after-claim").unlink()
    assert due()


@pytest.mark.parametrize("text", ["nowhere=1", "worker.after-claim", "worker.after-claim=often"])
def test_what_cannot_be_armed_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Failpoints(text)


def test_an_armed_failpoint_ends_the_process_at_once(tmp_path: Path) -> None:
    program = (
        "import atexit; from shared.failpoints import failpoint\n"
        "atexit.register(print, 'cleaned up')\n"
        "failpoint('worker.after-claim'); print('alive')\n"
        "failpoint('worker.after-claim'); print('still alive')"
    )
    ended = subprocess.run(
        [sys.executable, "-u", "-c", program],
        env={"CUTIS_FAILPOINTS": "worker.after-claim=2", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (STATUS, "alive\n"), ended.stderr


def test_every_failpoint_is_somewhere_in_the_code_and_none_is_unlisted() -> None:
    assert sorted(_in_code()) == sorted(FAILPOINTS)


def _in_code() -> list[str]:
    found = []
    for package in ("services", "workers", "shared"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text, own = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
            found += re.findall(r'failpoint\("([^"]+)"\)', text)
            for when in re.findall(r'failpoint\(f"\{self\._role\}\.([^"]+)"\)', text):
                found += [f"{role}.{when}" for role in ROLES[own]]
    return found
