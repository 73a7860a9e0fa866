"""Pulse: a file that is touched after each round of work that ended well.

What watches a container looks at the file's age, ``python -m shared.pulse FILE SECONDS``: that
costs no connection, and a process that lives but does nothing has no pulse.
"""

import sys
import time
from pathlib import Path


class Pulse:
    """Touches ``path``; does nothing where no path is given."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def beat(self) -> None:
        """Say that a round of work just ended well."""
        if self._path is not None:
            self._path.touch()


def is_beating(path: Path, seconds: float) -> bool:
    """Say whether ``path`` was touched within the last ``seconds``."""
    try:
        return time.time() - path.stat().st_mtime <= seconds
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(not is_beating(Path(sys.argv[1]), float(sys.argv[2])))
