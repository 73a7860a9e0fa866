"""Security: who asks, and what they may do here.

A key comes in the header ``X-API-Key`` or as a bearer; an OIDC token as a bearer. For reading only,
a key may also be the password of HTTP Basic, which is how a browser asks a person for it: a browser
repeats that password on its own, so a foreign page could change things with it.
"""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from services.api.context import Context, ContextOfRequest
from shared.api_keys import Scope

KEY_HEADER = "X-API-Key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of a key, or the issuer's name for a person."""

    name: str
    scope: Scope


ANYBODY = Caller("anybody", Scope.READ)
"""Where reading is free."""

_key_header = APIKeyHeader(
    name=KEY_HEADER, auto_error=False, description="Needed for whatever changes something."
)
_bearer = HTTPBearer(auto_error=False, description="A key, or a token of the site's issuer.")


def identify(context: Context, key: str | None, authorization: str | None) -> Caller | None:
    """Return who sent these headers; ``None`` for nobody we know."""
    scheme, _, credentials = (authorization or "").partition(" ")
    secret = key or (credentials.strip() if scheme.lower() == "bearer" else "")
    if not secret:
        return None
    if known := context.keys.find(secret):
        return Caller(known.name, known.scope)
    if key is None and (person := context.tokens.find(secret)):
        return Caller(*person)
    return None


def require_read(
    request: Request,
    context: ContextOfRequest,
    key: Annotated[str | None, Security(_key_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Let a request read; without any key where the settings say that reading is free."""
    if not context.api_settings.reading_is_gated():
        return ANYBODY
    caller = _caller(context, key, bearer) or _basic(context, request)
    if caller is None:
        # For a page, so that the browser asks; programs read the problem and send the header.
        raise _unknown(context, request, 'Basic realm="cutis", charset="UTF-8"')
    return caller


def require_key(
    request: Request,
    context: ContextOfRequest,
    key: Annotated[str | None, Security(_key_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Let a request change what operators may change; 403 when no key can ever be right."""
    if not context.keys and not context.tokens:
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "No API key is configured, so nothing can be changed here: set CUTIS_API_KEY_FILE "
            "or CUTIS_API_KEY and restart the API.",
        )
    caller = _caller(context, key, bearer)
    if caller is None:
        raise _unknown(context, request, 'ApiKey realm="cutis"')
    return _at_least(caller, Scope.OPERATE)


def require_admin(caller: Annotated[Caller, Depends(require_key)]) -> Caller:
    """Let a request do what cannot be undone."""
    return _at_least(caller, Scope.ADMIN)


def _caller(
    context: Context, key: str | None, bearer: HTTPAuthorizationCredentials | None
) -> Caller | None:
    return identify(context, key, f"Bearer {bearer.credentials}" if bearer else None)


def _basic(context: Context, request: Request) -> Caller | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return identify(context, password, None)


def _at_least(caller: Caller, scope: Scope) -> Caller:
    if not caller.scope.covers(scope):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, f"This key may only {caller.scope}; this takes {scope}."
        )
    return caller


def _unknown(context: Context, request: Request, challenge: str) -> HTTPException:
    if {KEY_HEADER.lower(), "authorization"}.isdisjoint(request.headers.keys()):
        what = f"Send a key in the header {KEY_HEADER}."
    else:
        what = "This key is unknown."
        context.refusals.remember(request.client.host if request.client else "")
    return HTTPException(HTTPStatus.UNAUTHORIZED, what, headers={"WWW-Authenticate": challenge})
