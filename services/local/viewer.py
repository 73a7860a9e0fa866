"""Viewer: OHIF on loopback, and the PACS behind the same address.

The browser talks to one origin: pages come from OHIF's folder, ``/dicom-web`` from the PACS. The
proxy adds the PACS's password, so it reads only, and answers to loopback names only (a page from
elsewhere cannot have its own name resolve to us and read the archive).
"""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.local.addresses import PacsAddress
from services.local.secret_files import read_secret
from shared.errors import ConfigurationError

CONFIG = Path(__file__).parents[2] / "deploy" / "viewer" / "app-config.js"
HOST = "127.0.0.1"

_HEADERS = {
    # Isolated, as OHIF's workers need for shared memory.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # OHIF compiles code at run time (WebAssembly); whatever it does, images stay at this address.
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PASSED_ON = ("accept", "range", "if-none-match")
_PASSED_BACK = ("content-type", "content-length", "content-encoding", "content-range", "etag")


def link_template(viewer: str) -> str:
    """Return the address of a result in the viewer at ``viewer``, for ``CUTIS_API_VIEWER_URL``."""
    study, series = "{study_instance_uid}", "{series_instance_uid}"
    return f"{viewer}/viewer?StudyInstanceUIDs={study}&initialSeriesInstanceUID={series}"


def viewer_app(ohif: Path, pacs: PacsAddress) -> Starlette:
    """Return the application: the viewer in folder ``ohif``, the archive of ``pacs`` beside it.

    Raises
    ------
    ConfigurationError
        The viewer's configuration is not there.
    """
    if not CONFIG.is_file():
        raise ConfigurationError(f"no configuration for the viewer: {CONFIG} is missing")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        password = read_secret(pacs.password_file) if pacs.password_file else ""
        auth = (pacs.username, password) if pacs.username else None
        async with httpx.AsyncClient(auth=auth, timeout=60, trust_env=False) as client:
            app.state.client, app.state.root = client, pacs.dicomweb_url.rstrip("/")
            yield

    return Starlette(
        lifespan=lifespan,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        routes=[
            Route("/dicom-web/{path:path}", _ask_pacs, methods=["GET"]),
            Route("/app-config.js", _configuration, methods=["GET"]),
            Mount("/", _Pages(directory=ohif, html=True)),
        ],
    )


def serve_viewer(app: Starlette, port: int) -> None:
    """Serve ``app`` on loopback until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        host=HOST,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    # Uvicorn raises the signal that stopped it once more, and it would kill us: to stop is to end
    # well.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: None)
    server.run()


class _Pages(StaticFiles):
    """The viewer's files; every other path is a page of the application, drawn by its script."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or Path(path).suffix:
                raise
            response = await super().get_response("index.html", scope)
        response.headers.update(_HEADERS)
        response.headers["Cache-Control"] = "no-cache"  # ask again; unchanged costs an ETag
        return response


async def _configuration(_: Request) -> Response:
    headers = {**_HEADERS, "Cache-Control": "no-cache"}
    return FileResponse(CONFIG, media_type="text/javascript", headers=headers)


async def _ask_pacs(request: Request) -> Response:
    client: httpx.AsyncClient = request.app.state.client
    path = request.url.path.removeprefix("/dicom-web")
    if ".." in path.split("/"):
        return PlainTextResponse("No such address.", status_code=404)
    query = f"?{request.url.query}" if request.url.query else ""
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    headers["Accept-Encoding"] = request.headers.get("accept-encoding", "identity")
    # Orthanc writes addresses of bulk data into its answers: they shall lead back through us.
    headers["Forwarded"] = f"host={request.url.netloc};proto={request.url.scheme}"
    asked = client.build_request("GET", f"{request.app.state.root}{path}{query}", headers=headers)
    try:
        answer = await _answer(client, asked)
    except httpx.HTTPError:
        return PlainTextResponse("The PACS does not answer.", status_code=502)
    kept = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
    return StreamingResponse(
        answer.aiter_raw(),
        status_code=answer.status_code,
        headers={**kept, **_HEADERS, "Cache-Control": "no-store"},
        background=BackgroundTask(answer.aclose),
    )


async def _answer(client: httpx.AsyncClient, asked: httpx.Request) -> httpx.Response:
    """Ask once more where the connection had gone: Orthanc closes those that rest for a second."""
    try:
        return await client.send(asked, stream=True)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
        return await client.send(asked, stream=True)
