"""Where: which pipeline a command talks to."""

from pathlib import Path
from typing import Annotated

import typer

from services.local.addresses import Addresses, read_addresses
from services.local.client import ApiClient
from services.local.settings import ToolSettings

DataOption = Annotated[
    Path | None, typer.Option("--data", help="folder the pipeline runs in; CUTIS_DATA, ./var")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs")]


def addresses_in(data: Path | None) -> Addresses:
    """Return the addresses of the pipeline in ``data``, or where the environment says."""
    return read_addresses(data or ToolSettings().data)


def client_of(data: Path | None) -> ApiClient:
    """Return a client of that pipeline's API."""
    found = addresses_in(data)
    return ApiClient(found.api, found.api_key_file)
