"""Terminal: where the commands print for people; UIDs stay whole, so that they can be copied."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_UNLIMITED = 1000  # columns: a file or a pipe has no edge


def terminal() -> Console:
    """Return a console on stdout, made anew so that it follows a redirected stdout."""
    width = None if sys.stdout.isatty() else _UNLIMITED
    return Console(soft_wrap=False, highlight=False, width=width)


def print_table(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print ``rows`` of markup under a title; what is one word, as a UID is, is never broken.

    Where a terminal is too narrow for that, it breaks the lines itself, and a copy is whole still.
    """
    cells = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        of_words = any(" " in row[index] for row in cells)
        table.add_column(column, overflow="fold", no_wrap=not of_words)
    for row in cells:
        table.add_row(*row)
    widest = console.options.update(width=_UNLIMITED)
    needed = Measurement.get(console, widest, table).minimum
    before, console.width = console.width, max(console.width, needed)
    console.print(table)
    console.width = before
