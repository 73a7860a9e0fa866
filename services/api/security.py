"""Security: who may change something, and the headers every answer carries."""

from http import HTTPStatus
from typing import Annotated

from fastapi import HTTPException, Security
from fastapi.security import APIKeyHeader
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.context import ContextOfRequest

KEY_HEADER = "X-API-Key"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


_key_header = APIKeyHeader(
    name=KEY_HEADER, auto_error=False, description="Needed for whatever changes something."
)


def require_key(
    context: ContextOfRequest, key: Annotated[str | None, Security(_key_header)]
) -> None:
    """Let a request pass only with a known key: 403 when none is configured, else 401."""
    if not context.keys:
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "No API key is configured, so nothing can be changed here: set CUTIS_API_KEY_FILE "
            "or CUTIS_API_KEY and restart the API.",
        )
    if key is None or not context.keys.know(key):
        what = f"Send a key in the header {KEY_HEADER}." if key is None else "This key is unknown."
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED, what, headers={"WWW-Authenticate": 'ApiKey realm="cutis"'}
        )


class SecurityHeaders:
    """Middleware: add the security headers; nothing but static files may be kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                fixed = scope["path"].startswith("/static/")
                headers["Cache-Control"] = "no-cache" if fixed else "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)
