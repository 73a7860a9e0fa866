"""Ports: free ones on the loopback interface."""

import errno
import secrets
import socket
from contextlib import ExitStack

# Above Ray's own ports (10002 to 19999), and below those the kernel hands out by itself (32768 and
# up on Linux): one of these cannot be taken by somebody's outgoing connection before it is used.
_FIRST, _LAST = 20000, 32767


def free_ports(wanted: dict[str, int]) -> dict[str, int]:
    """Return ``wanted`` with every 0 replaced by a free port, all different."""
    with ExitStack() as stack:
        chosen = {}
        for name, port in wanted.items():
            # Held until all are chosen, so that none is chosen twice.
            held = stack.enter_context(socket.socket())
            chosen[name] = port or _bind_somewhere(held)
        return chosen


def _bind_somewhere(held: socket.socket) -> int:
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        try:
            held.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
