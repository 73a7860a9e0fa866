"""Health: is the process alive, can it work, and the metrics."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from services.api.context import Context, ContextOfRequest
from services.api.metrics import DatabaseCollector
from services.api.schemas import Check, Readiness
from services.api.security import require_read
from shared.db.migrate import fits

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?", response_class=PlainTextResponse)
def healthz() -> str:
    """Answer ``ok`` whenever the process can answer at all."""
    return "ok"


@router.get(
    "/readyz",
    summary="Can the API do its work?",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Not ready; which check failed and why"}},
)
def readyz(context: ContextOfRequest) -> JSONResponse:
    """Ask the database (and whether its schema is ours) and the broker."""
    checks = {"database": _database(context), "broker": _broker(context)}
    ready = all(one.ok for one in checks.values())
    answer = Readiness(ready=ready, checks=checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(answer.model_dump(), status_code=status)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=PlainTextResponse,
    dependencies=[Depends(require_read)],
)
def metrics(context: ContextOfRequest) -> Response:
    """Read the database now and say what is there, in Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DatabaseCollector(context))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _database(context: Context) -> Check:
    try:
        if fits(context.database):
            return Check(ok=True)
    except SQLAlchemyError as error:
        return Check(ok=False, detail=f"the database does not answer ({type(error).__name__})")
    detail = "the database has an older version's schema: run python -m shared.db.migrate"
    return Check(ok=False, detail=detail)


def _broker(context: Context) -> Check:
    try:
        context.ping_broker()
    except RedisError as error:
        return Check(ok=False, detail=f"the broker does not answer ({type(error).__name__})")
    return Check(ok=True)
