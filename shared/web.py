"""Web: requests to a PACS over HTTP, with its credentials, its TLS and our errors."""

import re
from typing import Any

import requests

from shared.errors import AwayError, ConfigurationError
from shared.settings import PacsSettings


class PacsWeb:
    """One HTTP interface of the PACS at ``url``."""

    def __init__(self, settings: PacsSettings, url: str) -> None:
        self._url = url.rstrip("/")
        self._timeout = settings.timeout_seconds
        self._verify = str(settings.tls_authorities) if settings.tls_authorities else True
        own = (settings.tls_certificate, settings.tls_key)
        self._certificate: Any = tuple(str(one) for one in own if one is not None) or None
        self._auth = (settings.username, settings.secret()) if settings.username else None

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send one request; ``more`` as :func:`requests.request` takes it.

        Raises
        ------
        AwayError
            ``pacs-down``: no connection, or no answer in time.
        ConfigurationError
            ``pacs-tls``: TLS fails; ``pacs``: the address cannot be used.
        """
        try:
            return requests.request(
                method,
                f"{self._url}{path}",
                auth=self._auth,
                timeout=self._timeout,
                verify=self._verify,
                cert=self._certificate,
                allow_redirects=False,  # our password goes to the address we were given
                **more,
            )
        except requests.exceptions.SSLError as error:
            raise ConfigurationError("TLS with the PACS fails", code="pacs-tls") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise AwayError("the PACS does not answer", code="pacs-down") from error
        except requests.RequestException as error:
            raise ConfigurationError("the PACS address cannot be used", code="pacs") from error


def parts_of(body: bytes, content_type: str) -> list[bytes]:
    """Return the contents of a multipart body (RFC 2046 5.1.1), byte for byte."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        return []
    # The line break before a delimiter is the delimiter's, not the content's.
    pieces = (b"\r\n" + body).split(b"\r\n--" + found.group(1).encode())
    return [piece.partition(b"\r\n\r\n")[2] for piece in pieces[1:] if not piece.startswith(b"--")]
