"""Problems: every error leaves as ``application/problem+json`` (RFC 9457), without a traceback."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from shared.states import IllegalMoveError

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class Problem(BaseModel):
    """What went wrong, in the shape of RFC 9457."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(default="", examples=["There is no such job."])
    code: str = Field(default="", description="short word a program can match on")
    errors: tuple[dict[str, str], ...] = Field(
        default=(), description="for 422: which value is wrong, and why"
    )


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these errors."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {int(one): {"description": one.phrase, "content": content} for one in statuses}


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    code: str = "",
    errors: tuple[dict[str, str], ...] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return the answer that tells one problem."""
    body = Problem(
        title=status.phrase,
        status=status,
        detail="" if detail == status.phrase else detail,
        code=code or status.phrase.lower().replace(" ", "-"),
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Make ``app`` answer every error with a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(IllegalMoveError, _illegal_move)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unexpected)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type for mypy
    return problem(
        HTTPStatus(error.status_code), str(error.detail), headers=dict(error.headers or {})
    )


def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows the type for mypy
    # Not the value itself: it could be anything a client pasted.
    errors = tuple(
        {"where": ".".join(str(part) for part in one["loc"]), "why": one["msg"]}
        for one in error.errors()
    )
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problem(status, "A value in the request is wrong.", code="invalid", errors=errors)


def _illegal_move(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IllegalMoveError)  # noqa: S101 - narrows the type for mypy
    return problem(HTTPStatus.CONFLICT, error.reason, code=error.code)


def _database(request: Request, error: Exception) -> JSONResponse:
    # The message of a database error may hold the values of a row: only its class is logged.
    log.error("database_error", path=request.url.path, error=type(error).__name__)
    detail = "The database cannot be read just now; /readyz says more."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="database")


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected_error", path=request.url.path, error=type(error).__name__)
    detail = "Something unexpected happened; the log of the API says more."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, code="unexpected")
