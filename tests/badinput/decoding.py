"""Decode spooled instances as a model's actor does, in a process with bounded memory.

``python -m tests.badinput.decoding``: paths on stdin, one a line; one JSON object on stdout, from
path to ``decoded`` or the code of the error; under ``""`` the peak memory in bytes.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import structlog

from shared.errors import CutisError
from workers.runtime.reading import read_all
from workers.runtime.request import InstanceFile, SeriesFiles

LONGEST = 4 * 1024**3  # bytes of address space: a bomb that goes off is a MemoryError, not a swap


def decode_apart(paths: Iterable[Path]) -> dict[str, str]:
    """Return what became of each path, decoded in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.badinput.decoding"],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    resource.setrlimit(resource.RLIMIT_AS, (LONGEST, LONGEST))
    found = {path: _decoded(path) for path in sys.stdin.read().split("\n") if path}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({**found, "": str(peak)}))


def _decoded(path: str) -> str:
    instance = InstanceFile(path=path, sop_instance_uid="1.2.3", sop_class_uid="1.2.3")
    files = SeriesFiles(
        series_instance_uid="1.2.3", modality="", description="", instances=(instance,)
    )
    try:
        read_all((files,))
    except CutisError as error:
        return error.code
    except MemoryError:
        return "out-of-memory"
    return "decoded"


if __name__ == "__main__":
    main()
