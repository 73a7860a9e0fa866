"""Web: requests to a PACS over HTTP, with its credentials, its TLS and our errors."""

import re
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from shared.deadline import Deadline
from shared.errors import AwayError
from shared.settings import PacsSettings


class PacsWeb:
    """One HTTP interface of the PACS at ``url``."""

    def __init__(self, settings: PacsSettings, url: str) -> None:
        self._url = url.rstrip("/")
        self._settings = settings
        self._verify = str(settings.tls_authorities) if settings.tls_authorities else True
        own = (settings.tls_certificate, settings.tls_key)
        self._certificate: Any = tuple(str(one) for one in own if one is not None) or None
        settings.secret()  # a password file that cannot be read shows when we start

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send one request; ``more`` as :func:`requests.request` takes it.

        Raises
        ------
        AwayError
            ``pacs-down``: no connection, no answer in time, or one that broke off;
            ``pacs-tls``: TLS fails; ``pacs``: the address or a file of the settings cannot be used.
        """
        settings = self._settings
        with Deadline(settings.exchange_seconds) as deadline, requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Watched(deadline))
            try:
                response = session.request(
                    method,
                    f"{self._url}{path}",
                    # Read each time: a password that changed is used from the next request on.
                    auth=(settings.username, settings.secret()) if settings.username else None,
                    timeout=settings.timeout_seconds,
                    verify=self._verify,
                    cert=self._certificate,
                    allow_redirects=False,  # our password goes to the address we were given
                    **more,
                )
            except OSError as error:  # every error of requests is one
                raise _away(error) from error
            if deadline.passed:
                # Cut short by us: an answer without a length looks whole.
                raise AwayError("the PACS takes too long to answer", code="pacs-down")
            return response


class _Watched(HTTPAdapter):
    """Shows the connections it opens to a deadline, before anything is said on them."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        """Return the pool for a request, with connections of our kind in it."""
        pool: Any = super().get_connection_with_tls_context(*args, **more)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _watched(kind: type[HTTPConnection], deadline: Deadline) -> type[HTTPConnection]:
    class Connection(kind):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> socket.socket:
            opened: socket.socket = super()._new_conn()
            deadline.watch(opened)
            return opened

    return Connection


_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


def _away(error: OSError) -> AwayError:
    """Say what is wrong. None of it is about the object that was sent: the job waits."""
    if isinstance(error, requests.exceptions.SSLError):
        return AwayError("TLS with the PACS fails", code="pacs-tls")
    if isinstance(error, _BROKEN):
        return AwayError("the PACS does not answer", code="pacs-down")
    return AwayError("the PACS address, password or TLS files cannot be used", code="pacs")


def parts_of(body: bytes, content_type: str) -> list[bytes]:
    """Return the contents of a multipart body (RFC 2046 5.1.1), byte for byte."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        return []
    # The line break before a delimiter is the delimiter's, not the content's.
    pieces = (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode())
    return [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:] if not piece.startswith(b"--")]
