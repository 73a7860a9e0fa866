"""Science: the commands that train and judge models, ``train`` and ``eval``.

Torch lives in the worker's packages: both commands run ``python -m workers.MODEL.…`` as a process
of its own and end as it ends.
"""

import subprocess
import sys
from typing import Annotated

import typer

from services.cli.screen import complain
from shared.errors import ConfigurationError
from workers.catalog import models

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

ALL = "all"

Model = Annotated[str, typer.Argument(help="a model's name")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("train", context_settings=_PASS_ON)(train)
    app.command("gather", context_settings=_PASS_ON)(gather)
    app.command("eval", context_settings=_PASS_ON)(evaluate)


def train(context: typer.Context, model: Model) -> None:
    """Train a model; killed, the same command goes on where it stopped.

    Further options go to the training: --steps, --size full (for a GPU), --seed, --threads,
    --weights FOLDER, --keep FOLDER (checkpoints; a folder a training); --help after the model's
    name lists them.
    """
    raise typer.Exit(_run(model, "train", context.args))


def gather(context: typer.Context, model: Model) -> None:
    """Copy what people drew in the PACS into a folder, to train or judge a model on it.

    Further options: --output FOLDER, --dicomweb ADDRESS (else that of CUTIS_PACS_DICOMWEB_URL).
    """
    if model not in models():
        raise _no_model(model)
    raise typer.Exit(_start("workers.learning.gather", [model, *context.args]))


def evaluate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="a model's name; else all")] = ALL,
) -> None:
    """Print the tables of a model, or of all, and write them with plots.

    Further options go to the evaluation: --quick, --output FOLDER (else docs/results), --weights
    FOLDER, --folds (train five times), folders of real images; --help after the model's name
    lists them. Needs the extra cutis[evaluation].
    """
    options = list(context.args)
    if model.startswith("-"):  # click takes an unknown option for the argument
        options, model = [model, *options], ALL
    chosen = sorted(models()) if model == ALL else [model]
    failed = [one for one in chosen if _run(one, "report", options)]
    if model == ALL:
        _start("workers.learning.overview", options)
    for one in failed:
        complain(f"the evaluation of {one} failed")
    raise typer.Exit(bool(failed))


def _run(model: str, what: str, options: list[str]) -> int:
    if model not in models():
        raise _no_model(model)
    return _start(f"workers.{model}.{what}", options)


def _no_model(name: str) -> ConfigurationError:
    return ConfigurationError(f"no model {name}; there are: {', '.join(sorted(models()))}")


def _start(module: str, options: list[str]) -> int:
    command = [sys.executable, "-m", module, *options]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own command
