"""Lots: long lists of values asked for in pieces.

PostgreSQL takes at most 65535 parameters with one statement, SQLite half as many; a large study, or
a long queue, has more.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

LOT = 5000
"""Values in one statement."""

Item = TypeVar("Item")


def in_lots(items: Iterable[Item], size: int = LOT) -> Iterator[list[Item]]:
    """Yield ``items`` in lists of ``size``, the last one shorter."""
    rest = iter(items)
    while lot := list(islice(rest, size)):
        yield lot
