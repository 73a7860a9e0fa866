"""App: the commands of ``cutis``, and how an error of ours ends one."""

import sys
from typing import Any

import typer
import typer.core

from services.cli import keys, looking, operating, quarantine, queues, running, science, sending
from services.cli.screen import complain, quiet_libraries
from shared.errors import CutisError


class Group(typer.core.TyperGroup):
    """Ends with one sentence and status 1 where a command raised an error of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        quiet_libraries()
        try:
            return super().invoke(ctx)
        except CutisError as error:
            complain(error.reason)
            sys.exit(1)


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    help="AI results for skin imaging, put back into the hospital's PACS. Research use only.",
)
for module in (running, sending, looking, operating, queues, quarantine, keys, science):
    module.register(app)
