"""Fences: what every request passes before a route sees it.

Plain ASGI middleware, outermost first: headers of every answer, host names, size, rate.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.problems import problem

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
_MOST_CALLERS = 10_000


class SecurityHeaders:
    """Add the security headers; nothing but static files may be kept by a cache."""

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


class AllowedHosts:
    """Refuse requests to other host names: a foreign name that resolves to us is an attack."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        if scope["type"] == "http" and not self._allows(Headers(scope=scope).get("host", "")):
            refusal = problem(HTTPStatus.BAD_REQUEST, "This host name is not ours.", code="host")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allows(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return "*" in self._hosts or name in self._hosts


class BodyLimit:
    """Refuse bodies over ``limit`` bytes, also those that do not say how long they are."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body before the route does: 413 must come before anything happened."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        body = b"" if said.isdecimal() and int(said) <= self._limit else None
        more = body is not None
        while more and body is not None:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit:
                body = None
        if body is None:
            detail = f"A body may have {self._limit} bytes at most."
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


class RateLimit:
    """Let each caller ask ``per_second`` times a second, and ``burst`` times at once.

    ``name_of`` tells callers apart: those we know by name, strangers by address. Forgotten first
    is who has not asked for longest, so that strangers cannot fill the memory.
    """

    def __init__(
        self,
        app: ASGIApp,
        per_second: float,
        burst: int,
        name_of: Callable[[Scope], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._per_second, self._burst = per_second, burst
        self._name_of, self._clock = name_of, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429; probes are never refused."""
        free = scope["type"] != "http" or scope["path"] in {"/healthz", "/readyz"}
        if free or self._take(self._name_of(scope)):
            await self._app(scope, receive, send)
            return
        await _too_many()(scope, receive, send)

    def _take(self, name: str) -> bool:
        now = self._clock()
        left, seen = self._left.pop(name, (float(self._burst), now))
        left = min(self._burst, left + (now - seen) * self._per_second)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, now)
        if len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
        return allowed


def _replay(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _too_many() -> Response:
    detail = "Too many requests; wait a second."
    return problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": "1"})
