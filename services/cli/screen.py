"""Screen: what the commands show; tables on stdout for people, JSON for programs."""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from services.local.terminal import print_table, terminal

_COLOURS = {
    "done": "green",
    "ok": "green",
    "failed": "red",
    "parked": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "writing": "cyan",
}


def quiet_libraries() -> None:
    """Let libraries be silent: what fails is said by the command, once and in words."""
    for name in ("pynetdicom", "httpx", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def console() -> Console:
    """Return :func:`services.local.terminal.terminal`."""
    return terminal()


def complain(sentence: str) -> None:
    """Say what went wrong, on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)  # one line, also in a file
    console.print(f"[red]cutis:[/red] {_escaped(sentence)}")


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show rows under a title."""
    print_table(console(), title, columns, ([_cell(value) for value in row] for row in rows))


def show_json(value: Any) -> None:
    """Write ``value`` as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()


def _cell(value: object) -> str:
    text = _escaped("" if value is None else str(value))
    colour = _COLOURS.get(text)
    return f"[{colour}]{text}[/{colour}]" if colour else text


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
