"""Memory: a bound for a process that decodes what strangers sent."""

import math
import resource
from pathlib import Path


def bound_memory(most_bytes: int) -> None:
    """Let this process have at most so much data of its own; 0 sets no bound.

    Beyond it an allocation fails (``MemoryError``), instead of the machine running out and the
    kernel choosing whom to kill. Counted are the writable private pages (``RLIMIT_DATA``), not
    what is mapped from files or shared. A lower bound that the process was started with stays.
    """
    if not most_bytes:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))


def memory_left() -> float:
    """Return how many bytes of data this process may still have; infinite without a bound."""
    bound, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if bound == resource.RLIM_INFINITY:
        return math.inf
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    kibibytes = next(int(one.split()[1]) for one in lines if one.startswith("VmData:"))
    return float(max(bound - kibibytes * 1024, 0))
