import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr, ValidationError

from services.api.keys import read_keys
from services.api.settings import ApiSettings
from shared.api_keys import Scope, new_key
from shared.errors import ConfigurationError
from tests.services.api.conftest import HEADERS, KEY

LONG = "long-enough-to-be-a-key"
READING = [
    "/",
    "/sections/tiles",
    "/api/v1/jobs",
    "/api/v1/studies",
    "/api/v1/quarantine",
    "/api/v1/openapi.json",
    "/metrics",
]

Visit = Callable[..., TestClient]


def test_keys_come_from_the_file_and_from_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    hashed, kept = new_key("night-shift", Scope.READ)
    file.write_text(f"# comment\n{LONG}-1\n\n  {LONG}-2  \n{kept.line()}\n", encoding="utf-8")

    keys = read_keys(ApiSettings(key=SecretStr(f"{LONG}-3"), key_file=file))

    assert all(keys.find(f"{LONG}-{number}") for number in (1, 2, 3))
    assert keys.find(hashed) == kept
    assert not keys.find(LONG)
    assert not keys.find(kept.digest)
    assert LONG not in repr(vars(keys)), "only digests are kept"


def test_a_short_key_a_missing_file_or_a_name_used_twice_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        read_keys(ApiSettings(key=SecretStr("short")))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_keys(ApiSettings(key_file=tmp_path / "missing"))
    twice = tmp_path / "twice"
    lines = (new_key("me", Scope.READ)[1].line() for _ in range(2))
    twice.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="same name"):
        read_keys(ApiSettings(key_file=twice))


def test_a_key_that_may_only_read_changes_nothing(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    reader, kept = new_key("reader", Scope.READ)
    operator, operates = new_key("operator", Scope.OPERATE)
    file.write_text(f"{kept.line()}\n{operates.line()}\n", encoding="utf-8")
    client = visit(key_file=file, reading_needs_key=True)
    retry = f"/api/v1/jobs/{'0' * 32}/retry"

    def status(method: str, path: str, key: str) -> int:
        return client.request(method, path, headers={"X-API-Key": key}).status_code

    assert status("GET", "/api/v1/jobs", reader) == 200
    assert status("POST", retry, reader) == 403
    assert status("POST", retry, operator) == 404, "let in; there is no such job"


@pytest.mark.parametrize("path", READING)
def test_reading_takes_a_key_where_the_settings_say_so(visit: Visit, path: str) -> None:
    gated = visit(reading_needs_key=True)
    basic = base64.b64encode(f"anybody:{KEY}".encode()).decode()

    refused = gated.get(path)

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert gated.get(path, headers={"X-API-Key": "wrong"}).status_code == 401
    for headers in (
        HEADERS,
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"Basic {basic}"},
    ):
        assert gated.get(path, headers=headers).status_code == 200
    assert visit().get(path).status_code == 200, "free on loopback"
    assert visit(host="0.0.0.0").get(path).status_code == 401, "not free for others"


def test_what_a_browser_sends_by_itself_changes_nothing(client: TestClient) -> None:
    basic = base64.b64encode(f"anybody:{KEY}".encode()).decode()
    retry = f"/api/v1/jobs/{'0' * 32}/retry"

    assert client.post(retry, headers={"Authorization": f"Basic {basic}"}).status_code == 401
    assert client.post(retry, headers={"Authorization": f"Bearer {KEY}"}).status_code == 404


def test_probes_need_no_key_and_openapi_can_be_kept_back(visit: Visit) -> None:
    assert visit(reading_needs_key=True).get("/healthz").status_code == 200
    assert visit(reading_needs_key=True).get("/readyz").status_code == 200
    assert visit(publish_openapi=False).get("/api/v1/openapi.json").status_code == 404
    assert visit().get("/docs").status_code == 404


def test_a_viewer_address_must_be_a_web_address() -> None:
    with pytest.raises(ValidationError, match="http"):
        ApiSettings(viewer_url="javascript:alert(1)")
