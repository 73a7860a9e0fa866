"""Sending: the commands that bring images in, ``send`` and ``phantom``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from services.cli.screen import complain, console, show_json
from services.cli.where import DataOption, JsonOption, addresses_in
from services.local.phantoms import Kind, write_studies
from services.local.send import Sent, collect, send


class Destination(StrEnum):
    """Who gets the images."""

    PACS = "pacs"
    LISTENER = "listener"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("send")(send_files)
    app.command()(phantom)


def send_files(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them")],
    to: Annotated[Destination, typer.Option(help="the PACS, or our listener directly")] = (
        Destination.PACS
    ),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send images by C-STORE, as they are; end 0 only if every file was stored."""
    found = addresses_in(data)
    address = found.pacs.dicom if to is Destination.PACS else found.listener
    files = collect(paths)
    with Progress(console=console(), disable=as_json) as progress:
        line = progress.add_task(f"C-STORE to {address.ae_title}", total=len(files))
        answers = send(files, address, lambda _: progress.advance(line))
    failed = [one for one in answers if one.problem]
    if as_json:
        show_json([_record(one) for one in answers])
    else:
        for one in failed:
            complain(f"{one.path}: {one.problem}")
        studies = {one.study_instance_uid for one in answers}
        stored = len(answers) - len(failed)
        console().print(f"{stored} of {len(answers)} files stored, {len(studies)} studies")
    if failed or len(answers) < len(files):
        raise typer.Exit(1)


def phantom(
    kind: Annotated[Kind, typer.Argument(help="what the study holds")],
    folder: Annotated[Path, typer.Argument(help="where the files go")],
    count: Annotated[int, typer.Option(min=1, help="how many studies")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="seed of the first study")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Make sample studies that look like what a clinic sends; no patient is in them."""
    made = []
    for uid, files in write_studies(kind, folder, count=count, seed=seed):
        made.append({"study_instance_uid": uid, "files": [str(path) for path in files]})
        if not as_json:
            console().print(f"{files[0].parent}  {len(files)} files  study {uid}")
    if as_json:
        show_json(made)


def _record(sent: Sent) -> dict[str, str | bool]:
    return {
        "path": str(sent.path),
        "study_instance_uid": sent.study_instance_uid,
        "stored": not sent.problem,
        "problem": sent.problem,
    }
