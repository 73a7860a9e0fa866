from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from services.api.keys import Keys, read_keys
from services.api.settings import ApiSettings
from shared.errors import ConfigurationError

LONG = "long-enough-to-be-a-key"


def test_keys_come_from_the_file_and_from_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# the night shift\n{LONG}-1\n\n  {LONG}-2  \n", encoding="utf-8")

    keys = read_keys(ApiSettings(key=SecretStr(f"{LONG}-3"), key_file=file))

    assert all(keys.know(f"{LONG}-{number}") for number in (1, 2, 3))
    assert not keys.know(LONG)
    assert not keys.know("# the night shift")
    assert LONG not in repr(vars(keys)), "only digests are kept"


def test_a_short_key_or_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        Keys(["short"])
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_keys(ApiSettings(key_file=tmp_path / "missing"))


@pytest.mark.parametrize("path", ["/", "/api/v1/jobs", "/api/v1/nothing", "/static/cutis.css"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_answers_with_data_are_not_kept_by_caches(client: TestClient) -> None:
    assert client.get("/api/v1/jobs").headers["Cache-Control"] == "no-store"


def test_on_loopback_only_loopback_names_are_answered(visit: Callable[..., TestClient]) -> None:
    rebound = {"Host": "evil.example"}

    assert visit().get("/api/v1/jobs", headers=rebound).status_code == 400
    assert visit(host="0.0.0.0").get("/api/v1/jobs", headers=rebound).status_code == 200
    named = visit(host="0.0.0.0", allowed_hosts="cutis.example")
    assert named.get("/api/v1/jobs", headers=rebound).status_code == 400
    assert named.get("/api/v1/jobs", headers={"Host": "cutis.example"}).status_code == 200


def test_a_viewer_address_must_be_a_web_address() -> None:
    with pytest.raises(ValidationError, match="http"):
        ApiSettings(viewer_url="javascript:alert(1)")
