"""Tokens: OIDC bearer tokens of the site's identity provider (RFC 7519, RFC 9068).

Optional: without an issuer in the settings no token is accepted. The keys of the issuer come from
a file or an address; the algorithm is one of a fixed list, never the token's own choice.
"""

import json
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import structlog
from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWTError

from services.api.settings import ApiSettings
from shared.api_keys import Scope
from shared.errors import ConfigurationError

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_LEEWAY_SECONDS = 30
_FETCH_SECONDS = 5
_FRESH_SECONDS = 300.0
_PATIENCE_SECONDS = 30.0
_PREFIX = "cutis:"

log = structlog.get_logger()


class Tokens:
    """Says who a bearer token stands for.

    Raises
    ------
    ConfigurationError
        An issuer is set without an audience or without its keys, or the keys cannot be read.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._key_of = _source_of_keys(settings) if settings.oidc_issuer else None

    def __bool__(self) -> bool:
        return self._key_of is not None

    def find(self, token: str) -> tuple[str, Scope] | None:
        """Return subject and scope of a valid token; ``None`` for any other."""
        if self._key_of is None or token.count(".") != 2:
            return None
        try:
            claims = jwt.decode(
                token,
                self._key_of(token),
                algorithms=_ALGORITHMS,
                audience=self._settings.oidc_audience,
                issuer=self._settings.oidc_issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except PyJWTError:
            return None
        scope = _highest(claims.get(self._settings.oidc_claim))
        return None if scope is None else (str(claims["sub"])[:64], scope)


class FetchedKeys:
    """The keys of an issuer that publishes them; a stranger's tokens cannot make us ask at will.

    What was fetched is good for five minutes. A key that is not in it may be a new one: it is
    asked for, but at most every half a minute, and so is an issuer that is away; meanwhile the keys
    we have still hold.
    """

    def __init__(self, client: PyJWKClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._keys: dict[str, PyJWK] = {}

    def __call__(self, token: str) -> PyJWK:
        """Return the key that signed ``token``; raises ``PyJWTError`` for an unknown one."""
        name = str(jwt.get_unverified_header(token).get("kid"))
        with self._lock:
            age = self._clock() - self._asked
            if age > _FRESH_SECONDS or (name not in self._keys and age > _PATIENCE_SECONDS):
                self._fetch()
            if name not in self._keys:
                raise jwt.InvalidKeyError("unknown key")
            return self._keys[name]

    def _fetch(self) -> None:
        self._asked = self._clock()
        try:
            found = self._client.get_signing_keys(refresh=True)
        except PyJWTError as error:
            log.warning("issuer_not_asked", error=type(error).__name__)
            return
        self._keys = {str(one.key_id): one for one in found}


def _source_of_keys(settings: ApiSettings) -> Any:
    if not settings.oidc_audience:
        raise ConfigurationError("CUTIS_API_OIDC_ISSUER needs CUTIS_API_OIDC_AUDIENCE")
    if settings.oidc_keys_url:
        return FetchedKeys(PyJWKClient(settings.oidc_keys_url, timeout=_FETCH_SECONDS))
    if settings.oidc_keys_file is None:
        raise ConfigurationError(
            "CUTIS_API_OIDC_ISSUER needs CUTIS_API_OIDC_KEYS_FILE or CUTIS_API_OIDC_KEYS_URL"
        )
    try:
        keys = PyJWKSet.from_dict(json.loads(settings.oidc_keys_file.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError, PyJWTError) as error:
        raise ConfigurationError("the keys of the OIDC issuer cannot be read") from error
    return partial(_key_in, keys)


def _key_in(keys: PyJWKSet, token: str) -> PyJWK:
    try:
        return keys[str(jwt.get_unverified_header(token).get("kid"))]
    except KeyError as error:
        raise jwt.InvalidKeyError("unknown key") from error


def _highest(claim: object) -> Scope | None:
    words = claim.split() if isinstance(claim, str) else claim
    if not isinstance(words, list):
        return None
    held = [one for one in Scope if f"{_PREFIX}{one}" in words]
    return held[-1] if held else None
