"""Keys: the command that makes API keys, ``key new``."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.screen import complain
from shared.api_keys import Scope, new_key
from shared.errors import ConfigurationError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    keys = typer.Typer(no_args_is_help=True, help="Make keys for the API.")
    keys.command("new")(new)
    keys.callback()(_group)
    app.add_typer(keys, name="key")


def new(
    name: Annotated[str, typer.Argument(help="whose key: one word, shown in the audit trail")],
    scope: Annotated[Scope, typer.Option(help="what it may do")] = Scope.OPERATE,
    file: Annotated[
        Path | None, typer.Option(help="key file (CUTIS_API_KEY_FILE) to add the line to")
    ] = None,
) -> None:
    """Make a key: shown once on stdout, kept only as a digest. Restart the API to use it."""
    secret, key = new_key(name, scope)
    if file is None:
        complain(f"put this line into the key file of the API: {key.line()}")
    else:
        _append(file, key.line())
    typer.echo(secret)


def _group() -> None:
    """Keep ``new`` a command of its own: Typer folds a group of one away."""


def _append(file: Path, line: str) -> None:
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        name = line.split(maxsplit=1)[0]
        if any(one.split()[:1] == [name] for one in before.splitlines()):
            raise ConfigurationError(f"{file} has a key named {name} already")
        file.touch(mode=0o600)
        gap = "" if before.endswith("\n") or not before else "\n"
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{gap}{line}\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error
