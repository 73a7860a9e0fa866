"""Rolling restart: every role is asked to end, one after the other, while studies arrive."""

import signal
import time

import psutil

from tests.chaos.disturbances import alive_roles, is_settled
from tests.chaos.sender import Sender

ROLES = ("listener", "dispatcher", "worker", "writer", "api", "redis", "orthanc")
_BACK_SECONDS = 180.0


def roll(supervisor: int, sender: Sender) -> dict[str, float]:
    """Restart each role by SIGTERM, under load; return the seconds until each was back at work."""
    root = psutil.Process(supervisor)
    sender.start()
    took = {}
    for number, role in enumerate(ROLES):
        sender.allow((number + 1) / len(ROLES))
        took[role] = restart(root, role)
    return took


def restart(root: psutil.Process, role: str) -> float:
    """Ask a role below ``root`` to end; return the seconds until another was at work."""
    _wait(root, role, 0)
    before = alive_roles(root)[role].pid
    start = time.monotonic()
    psutil.Process(before).send_signal(signal.SIGTERM)
    _wait(root, role, before)
    return time.monotonic() - start


def _wait(root: psutil.Process, role: str, other_than: int) -> None:
    """Wait until a process of ``role`` is at work that is not the one that was asked to end."""
    deadline = time.monotonic() + _BACK_SECONDS
    while time.monotonic() < deadline:
        alive = alive_roles(root)
        if is_settled(role, alive) and alive[role].pid != other_than:
            return
        time.sleep(0.3)
    raise TimeoutError(f"the {role} did not come back within {_BACK_SECONDS:g} s")
