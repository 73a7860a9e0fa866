"""Budget: the bytes that all messages may take together, and what stands for those not kept."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from shared.errors import ResourceError

COPIES = 2
"""An instance is in memory twice: as it came, and as the file that is written."""


class Dropped(io.BytesIO):
    """Stands for a data set whose bytes are not kept: it only counts them.

    The sender is heard to the end and gets an answer; a cut connection would tell it nothing.
    """

    def __init__(self, code: str, size: int) -> None:
        super().__init__()
        self.code = code
        self.size = size

    def write(self, content: Any, /) -> int:
        """Count ``content``."""
        self.size += len(content)
        return len(content)


class Budget:
    """Bytes held by the data sets of one listener, at most ``max_bytes``; safe from any thread."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # Weak: a message whose association died is free when it is collected.
        self._held: WeakKeyDictionary[io.BytesIO, int] = WeakKeyDictionary()
        self._changed = threading.Condition()

    def hold(self, data_set: io.BytesIO, size: int, seconds: float) -> bool:
        """Count ``size`` bytes for ``data_set``, in all; wait for room, ``False`` if none came."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._others(data_set) + size > self._max_bytes:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, _LOOK_AGAIN))
            self._held[data_set] = size
        return True

    def free(self, data_set: io.BytesIO) -> None:
        """Count nothing for ``data_set`` any more."""
        with self._changed:
            self._held.pop(data_set, None)
            self._changed.notify_all()

    @contextmanager
    def during(self, size: int, seconds: float) -> Iterator[None]:
        """Hold the copies of an instance of ``size`` bytes for a block.

        Raises
        ------
        ResourceError
            ``no-room``: others hold too much, for longer than ``seconds``.
        """
        token = io.BytesIO()
        if not self.hold(token, COPIES * size, seconds):
            raise ResourceError("other instances take all the memory", code="no-room")
        try:
            yield
        finally:
            self.free(token)

    def _others(self, data_set: io.BytesIO) -> int:
        return sum(size for one, size in list(self._held.items()) if one is not data_set)


_LOOK_AGAIN = 0.2  # what is collected tells nobody
