"""Queues: the commands that show, pause and resume them, ``queues …``."""

from typing import Annotated

import typer

from services.cli.screen import console, show_json, show_table
from services.cli.where import DataOption, JsonOption, client_of

Name = Annotated[str, typer.Argument(help="a model's name, or writer")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    queues = typer.Typer(no_args_is_help=True, help="Show, pause and resume queues.")
    queues.command("list")(show)
    queues.command("pause")(pause)
    queues.command("resume")(resume)
    app.add_typer(queues, name="queues")


def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List queues: what waits, what runs, which are paused."""
    with client_of(data) as client:
        found = client.queues()
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["name"],
            "paused" if one["paused"] else "open",
            one["waiting"],
            one["delayed"],
            one["running"],
        )
        for one in found
    ]
    show_table("Queues", ("queue", "state", "waiting", "delayed", "running"), rows)


def pause(name: Name, data: DataOption = None) -> None:
    """Hand out no more work from a queue; what runs goes on to its end."""
    with client_of(data) as client:
        client.control_queue(name, "pause")
    console().print(f"queue {name} is paused")


def resume(name: Name, data: DataOption = None) -> None:
    """Hand out work from a queue again."""
    with client_of(data) as client:
        client.control_queue(name, "resume")
    console().print(f"queue {name} is open again")
