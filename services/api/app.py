"""App: the FastAPI application, from its parts."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path

import redis
from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

from services.api import (
    health,
    page,
    routes_jobs,
    routes_quarantine,
    routes_queues,
    routes_studies,
    routes_system,
)
from services.api.context import Context
from services.api.fences import AllowedHosts, BodyLimit, RateLimit, SecurityHeaders
from services.api.keys import Keys, read_keys
from services.api.problems import add_problem_handlers, problem_responses
from services.api.refusals import Refusals
from services.api.security import KEY_HEADER, require_read
from services.api.settings import ApiSettings
from services.api.tokens import Tokens
from shared.db.engine import Database
from shared.settings import Settings
from workers.catalog import models as catalogue
from workers.contract import ModelSpec

_TAGS = [
    {"name": "studies", "description": "What arrived, what was decided, what was written."},
    {"name": "jobs", "description": "One model on one study revision. Changes need a key."},
    {"name": "system", "description": "Queues, processes and models."},
    {"name": "intake", "description": "Who and what was not let in, and why."},
    {"name": "health", "description": "For probes and for Prometheus."},
]


def create_app(
    database: Database,
    settings: Settings,
    api_settings: ApiSettings,
    *,
    models: Mapping[str, ModelSpec] | None = None,
    ping_broker: Callable[[], None] | None = None,
) -> FastAPI:
    """Return the application.

    ``models`` is the catalogue and ``ping_broker`` asks the broker of ``settings`` unless given;
    the latter raises ``redis.exceptions.RedisError`` when there is no answer.

    Raises
    ------
    ConfigurationError
        The API keys cannot be read, or a model folder is wrong.
    """
    app = FastAPI(
        title="Cutis",
        summary="AI results for skin imaging, put back into the PACS. Research use only.",
        version="1",
        openapi_tags=_TAGS,
        openapi_url=None,  # a route of ours gives it to whoever may read
        docs_url=None,  # both load their scripts from elsewhere, which a hospital's network refuses
        redoc_url=None,
        responses=problem_responses(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    keys = read_keys(api_settings)
    app.state.context = Context(
        database=database,
        settings=settings,
        api_settings=api_settings,
        keys=keys,
        tokens=Tokens(api_settings),
        refusals=Refusals(database),
        models=catalogue() if models is None else models,
        ping_broker=ping_broker or partial(_ping, settings.broker_url()),
    )
    for module in (
        routes_studies,
        routes_jobs,
        routes_queues,
        routes_quarantine,
        routes_system,
        page,
    ):
        app.include_router(module.router, dependencies=[Depends(require_read)])
    app.include_router(health.router)
    if api_settings.publish_openapi:
        app.add_api_route(
            "/api/v1/openapi.json",
            app.openapi,
            dependencies=[Depends(require_read)],
            include_in_schema=False,
        )
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    add_problem_handlers(app)
    app.add_middleware(
        RateLimit,
        per_second=api_settings.requests_per_second,
        burst=api_settings.burst_requests,
        name_of=partial(_name_of, keys),
    )
    app.add_middleware(BodyLimit, limit=api_settings.max_body_bytes)
    app.add_middleware(AllowedHosts, hosts=api_settings.hosts())
    app.add_middleware(SecurityHeaders)
    return app


def _name_of(keys: Keys, scope: Scope) -> str:
    # A key that is not ours does not make a caller: whoever tries many would get many allowances.
    known = keys.find(Headers(scope=scope).get(KEY_HEADER, ""))
    client = scope.get("client")
    return f"key {known.name}" if known else f"address {client[0] if client else ''}"


def _ping(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()
