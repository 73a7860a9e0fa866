"""App: the FastAPI application, from its parts."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path

import redis
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from services.api import health, page, routes_jobs, routes_studies, routes_system
from services.api.context import Context
from services.api.keys import read_keys
from services.api.problems import add_problem_handlers, problem_responses
from services.api.security import SecurityHeaders
from services.api.settings import ApiSettings
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
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both load their scripts from elsewhere, which a hospital's network refuses
        redoc_url=None,
        responses=problem_responses(
            HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )
    app.state.context = Context(
        database=database,
        settings=settings,
        api_settings=api_settings,
        keys=read_keys(api_settings),
        models=catalogue() if models is None else models,
        ping_broker=ping_broker or partial(_ping, settings.redis_url),
    )
    for module in (routes_studies, routes_jobs, routes_system, health, page):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    add_problem_handlers(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(api_settings.hosts()))
    app.add_middleware(SecurityHeaders)
    return app


def _ping(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()
