"""Where: which pipeline a command talks to."""

from pathlib import Path
from typing import Annotated

import typer

from services.local.addresses import Addresses, addresses_elsewhere, read_addresses
from services.local.client import ApiClient
from services.local.settings import ElsewhereSettings, ToolSettings
from shared.settings import Settings

DataOption = Annotated[
    Path | None, typer.Option("--data", help="folder the pipeline runs in; CUTIS_DATA, ./var")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs")]


def addresses_in(data: Path | None) -> Addresses:
    """Return the addresses of the pipeline in ``data``, or where the environment says."""
    elsewhere = ElsewhereSettings()
    if data is None and elsewhere.api_url:
        return addresses_elsewhere(elsewhere, Settings())
    return read_addresses(data or ToolSettings().data)


def client_of(data: Path | None) -> ApiClient:
    """Return a client of that pipeline's API."""
    found = addresses_in(data)
    return ApiClient(found.api, found.api_key_file)
