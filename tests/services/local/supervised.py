"""A supervisor in a process of its own: it adopts orphans, which must not be pytest's children.

``python -m tests.services.local.supervised FOLDER`` runs the programs in ``FOLDER/programs.json``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.local.child import Program
from services.local.supervisor import Supervisor
from shared.errors import ConfigurationError
from shared.logs import configure_logs

ROOT = Path(__file__).parents[3]


@dataclass
class Supervised:
    folder: Path
    process: subprocess.Popen[str]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def events(self, name: str) -> list[dict[str, Any]]:
        text = (self.folder / "stderr").read_text()
        lines = [json.loads(one) for one in text.splitlines() if one.startswith("{")]
        return [one for one in lines if one["event"] == name]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def supervised(folder: Path, *programs: dict[str, Any]) -> Iterator[Supervised]:
    """Run shell programs (``name``, ``shell``, and other fields of Program) under a supervisor."""
    (folder / "programs.json").write_text(json.dumps(programs))
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.local.supervised", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield Supervised(folder, process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until ``holds`` does; the limit only keeps a failing test from hanging."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def lines_of(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def main(folder: Path) -> int:
    configure_logs("test")
    programs = [_program(one) for one in json.loads((folder / "programs.json").read_text())]
    try:
        Supervisor(programs, folder / "logs").run(lambda: say("ready"))
    except ConfigurationError as error:
        say(error.reason)
        return 1
    return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _program(given: dict[str, Any]) -> Program:
    shell = given.pop("shell")
    never = given.pop("never_ready", False)
    return Program(
        command=("/bin/sh", "-c", shell),
        environment=dict(os.environ),
        is_ready=lambda _pid: not never,
        **given,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
