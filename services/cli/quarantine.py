"""Quarantine: the commands that show what was set aside and decide on it, ``quarantine …``."""

from typing import Annotated

import typer

from services.cli.screen import console, show_json, show_table
from services.cli.where import DataOption, JsonOption, client_of

Number = Annotated[int, typer.Argument(help="the instance's number in the list")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    quarantine = typer.Typer(no_args_is_help=True, help="Show and decide on what was set aside.")
    quarantine.command("list")(show)
    quarantine.command("release")(release)
    quarantine.command("discard")(discard)
    app.add_typer(quarantine, name="quarantine")


def show(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List instances that could not be accepted, and why."""
    with client_of(data) as client:
        found = client.quarantined()
    if as_json:
        show_json(found)
        return
    rows = [
        (one["id"], one["state"], one["reason"], one["calling_ae_title"], one["received_at"])
        for one in found
    ]
    show_table("Quarantine", ("number", "state", "why", "sender", "received"), rows)


def release(number: Number, data: DataOption = None) -> None:
    """Have the listener judge an instance once more."""
    with client_of(data) as client:
        client.decide_on_quarantined(number, "release")
    console().print(f"instance {number} is released: the listener judges it once more")


def discard(number: Number, data: DataOption = None) -> None:
    """Give an instance up: its bytes are removed with the next clean-up."""
    with client_of(data) as client:
        client.decide_on_quarantined(number, "discard")
    console().print(f"instance {number} is discarded")
