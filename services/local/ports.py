"""Ports: free ones on the loopback interface."""

import socket
from contextlib import ExitStack


def free_ports(wanted: dict[str, int]) -> dict[str, int]:
    """Return ``wanted`` with every 0 replaced by a free port, all different.

    The ports are free when this returns; who starts on them late may find one taken.
    """
    with ExitStack() as stack:
        chosen = {}
        for name, port in wanted.items():
            one = stack.enter_context(socket.socket())
            if port == 0:
                one.bind(("127.0.0.1", 0))
            chosen[name] = port or one.getsockname()[1]
        return chosen
