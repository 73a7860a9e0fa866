"""Tokens: OIDC bearer tokens of the site's identity provider (RFC 7519, RFC 9068).

Optional: without an issuer in the settings no token is accepted. The keys of the issuer come from
a file or an address; the algorithm is one of a fixed list, never the token's own choice.
"""

import json
from functools import partial
from typing import Any

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWTError

from services.api.settings import ApiSettings
from shared.api_keys import Scope
from shared.errors import ConfigurationError

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_LEEWAY_SECONDS = 30
_FETCH_SECONDS = 5
_PREFIX = "cutis:"


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


def _source_of_keys(settings: ApiSettings) -> Any:
    if not settings.oidc_audience:
        raise ConfigurationError("CUTIS_API_OIDC_ISSUER needs CUTIS_API_OIDC_AUDIENCE")
    if settings.oidc_keys_url:
        client = PyJWKClient(settings.oidc_keys_url, cache_keys=True, timeout=_FETCH_SECONDS)
        return client.get_signing_key_from_jwt
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
