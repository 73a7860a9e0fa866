"""Context: what every route needs, made once when the app is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.api.keys import Keys
from services.api.links import Links
from services.api.refusals import Refusals
from services.api.settings import ApiSettings
from services.api.tokens import Tokens
from shared.db.engine import Database
from shared.settings import Settings
from workers.contract import ModelSpec

SILENT_HEARTBEATS = 3
"""A process that missed this many heartbeats counts as silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Database, settings, keys, tokens, models, and how to ask whether the broker is there."""

    database: Database
    settings: Settings
    api_settings: ApiSettings
    keys: Keys
    tokens: Tokens
    refusals: Refusals
    models: Mapping[str, ModelSpec]
    ping_broker: Callable[[], None]

    @property
    def links(self) -> Links:
        """The addresses of studies and results in the site's viewer."""
        return Links(self.api_settings.viewer_url)

    @property
    def silent_after_seconds(self) -> float:
        """How long a process may be silent before that means trouble."""
        return SILENT_HEARTBEATS * self.settings.heartbeat_seconds


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextOfRequest = Annotated[Context, Depends(_context)]
