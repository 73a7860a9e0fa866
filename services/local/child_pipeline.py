"""Child pipeline: ``cutis up`` as a child of this process, for as long as a block runs."""

import json
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from services.local.addresses import Addresses
from services.local.descendants import die_with_parent
from services.local.settings import environment
from shared.errors import ConfigurationError

_STOP_SECONDS = 90.0


@contextmanager
def child_pipeline(
    data: Path, log: Path, options: Sequence[str] = (), ready_seconds: float = 600.0
) -> Iterator[Addresses]:
    """Run the pipeline in ``data``, give its addresses, stop it at the end of the block.

    Raises
    ------
    ConfigurationError
        It did not become ready; ``log`` holds what it said.
    """
    command = [sys.executable, "-m", "services.cli", "up", "--data", str(data), *options]
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
            start_new_session=True,  # Ctrl-C is ours: the pipeline is stopped in order
        )
    try:
        yield _ready(process, log, ready_seconds)
    finally:
        _stop(process)


def _ready(process: subprocess.Popen[bytes], log: Path, seconds: float) -> Addresses:
    deadline = time.monotonic() + seconds
    assert process.stdout is not None  # noqa: S101 - it was asked for
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(timeout=1.0):
                continue
            line = process.stdout.readline()
            if not line:
                break
            said = json.loads(line)
            if said.pop("event", "") == "ready":
                return Addresses.model_validate(said)
    raise ConfigurationError(f"the pipeline did not start: {_last_words(log)}", code="not-ready")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its children die with it (descendants.py)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("cutis: ")[:1000] if lines else f"it said nothing; see {log}"
