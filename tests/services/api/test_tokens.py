import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode
from pydantic import ValidationError

from services.api.settings import ApiSettings
from services.api.tokens import FetchedKeys, Tokens
from shared.api_keys import Scope
from shared.errors import ConfigurationError

ISSUER, AUDIENCE = "https://login.example", "cutis"


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def keys_file(key: RSAPrivateKey, tmp_path: Path) -> Path:
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**public, "kid": "one", "use": "sig"}]}))
    return file


@pytest.fixture
def settings(keys_file: Path) -> ApiSettings:
    return ApiSettings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys_file=keys_file)


def claims(**changes: Any) -> dict[str, Any]:
    valid = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "someone",
        "exp": time.time() + 300,
        "scope": "openid cutis:operate",
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not None}


def token(key: RSAPrivateKey, kid: str = "one", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="RS256", headers={"kid": kid})


def signed_with_the_public_key(public: bytes) -> str:
    """Make by hand what PyJWT refuses to make: the public key taken for a shared secret."""
    head, body = ({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims())
    text = b".".join(base64url_encode(json.dumps(part).encode()) for part in (head, body))
    signature = base64url_encode(hmac.digest(public, text, "sha256"))
    return (text + b"." + signature).decode()


def test_a_valid_token_gives_subject_and_highest_scope(
    key: RSAPrivateKey, settings: ApiSettings
) -> None:
    tokens = Tokens(settings)

    assert tokens.find(token(key)) == ("someone", Scope.OPERATE)
    roles = ["cutis:read", "cutis:admin"]
    assert tokens.find(token(key, scope=roles)) == ("someone", Scope.ADMIN)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": 1},
        {"exp": None},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"nbf": 10**10},
        {"scope": "openid"},
        {"scope": None},
        {"scope": 7},
        {"kid": "two"},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_thing_is_nobody(
    key: RSAPrivateKey, settings: ApiSettings, changes: dict[str, Any]
) -> None:
    assert Tokens(settings).find(token(key, **changes)) is None


def test_the_token_does_not_choose_its_algorithm(key: RSAPrivateKey, settings: ApiSettings) -> None:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    forged = signed_with_the_public_key(public)
    unsigned = jwt.encode(claims(), "", algorithm="none", headers={"kid": "one"})
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    cut = token(key).rpartition(".")[0]

    tokens = Tokens(settings)

    for one in (forged, unsigned, token(other), f"{cut}.", cut, "..", "a.b.c", ""):
        assert tokens.find(one) is None


def test_a_person_with_a_token_may_do_what_the_token_says(
    key: RSAPrivateKey, visit: Callable[..., TestClient], keys_file: Path
) -> None:
    client = visit(oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys_file=keys_file)
    retry = f"/api/v1/jobs/{'0' * 32}/retry"

    def status(scope: str) -> int:
        bearer = {"Authorization": f"Bearer {token(key, scope=scope)}"}
        return client.post(retry, headers=bearer).status_code

    assert status("cutis:operate") == 404, "let in; there is no such job"
    assert status("cutis:read") == 403
    assert status("openid") == 401


class Issuer:
    """Counts how often its keys are asked for."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self.asked, self.away, self.names, self._key = 0, False, ["one"], key

    def get_signing_keys(self, *, refresh: bool) -> list[jwt.PyJWK]:
        assert refresh
        self.asked += 1
        if self.away:
            raise jwt.PyJWKClientConnectionError
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return [jwt.PyJWK({**public, "kid": name}, "RS256") for name in self.names]


def test_tokens_with_unknown_keys_cannot_make_us_ask_the_issuer_each_time(
    key: RSAPrivateKey,
) -> None:
    issuer, now = Issuer(key), [0.0]
    keys = FetchedKeys(issuer, lambda: now[0])  # type: ignore[arg-type]

    assert keys(token(key)).key_id == "one"
    for number in range(10):
        with pytest.raises(jwt.InvalidKeyError):
            keys(token(key, kid=f"unknown-{number}"))
    assert issuer.asked == 1

    issuer.names.append("new")
    now[0] += 31
    assert keys(token(key, kid="new")).key_id == "new"
    assert issuer.asked == 2

    issuer.away = True
    now[0] += 301
    assert keys(token(key)).key_id == "one", "the keys we have still hold"


def test_half_a_configuration_stops_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[]")
    wrong: list[dict[str, Any]] = [
        {"oidc_issuer": ISSUER},
        {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE},
        {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_keys_file": tmp_path / "none"},
        {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_keys_file": broken},
    ]
    for values in wrong:
        with pytest.raises(ConfigurationError):
            Tokens(ApiSettings(**values))
    with pytest.raises(ValidationError, match="https"):
        ApiSettings(oidc_keys_url="http://login.example/keys")


def test_without_an_issuer_no_token_is_anybody(key: RSAPrivateKey) -> None:
    tokens = Tokens(ApiSettings())

    assert not tokens
    assert tokens.find(token(key)) is None
