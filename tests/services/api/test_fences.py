import asyncio
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from services.api.fences import BodyLimit, RateLimit
from tests.services.api.conftest import HEADERS

Visit = Callable[..., TestClient]


@pytest.mark.parametrize("path", ["/", "/api/v1/jobs", "/api/v1/nothing", "/static/cutis.css"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_answers_with_data_are_not_kept_by_caches(client: TestClient) -> None:
    assert client.get("/api/v1/jobs").headers["Cache-Control"] == "no-store"


def test_on_loopback_only_loopback_names_are_answered(visit: Visit) -> None:
    rebound = {"Host": "evil.example"}

    refused = visit().get("/api/v1/jobs", headers=rebound)

    assert refused.status_code == 400
    assert refused.json()["code"] == "host"
    assert refused.headers["X-Frame-Options"] == "DENY"
    anywhere = visit(host="0.0.0.0", reading_needs_key=False)
    assert anywhere.get("/api/v1/jobs", headers=rebound).status_code == 200
    named = visit(host="0.0.0.0", allowed_hosts="cutis.example", reading_needs_key=False)
    assert named.get("/api/v1/jobs", headers=rebound).status_code == 400
    for host in ("cutis.example", "cutis.example:8443"):
        assert named.get("/api/v1/jobs", headers={"Host": host}).status_code == 200
    assert visit().get("/healthz", headers={"Host": "[::1]:8000"}).status_code == 200


def test_a_large_body_is_refused_whether_or_not_it_says_its_size(visit: Visit) -> None:
    client = visit(max_body_bytes=1000)
    retry = f"/api/v1/jobs/{'0' * 32}/retry"

    def parts() -> Iterator[bytes]:
        yield from [b"x" * 600, b"x" * 600]

    for content in (b"x" * 1001, parts()):
        refused = client.post(retry, content=content, headers=HEADERS)
        assert refused.status_code == 413
        assert refused.json()["title"] == "Request Entity Too Large"
    assert client.post(retry, content=b"x" * 1000, headers=HEADERS).status_code == 404


def test_a_body_that_ends_in_the_middle_reaches_no_route() -> None:
    called = []

    async def route(scope: Scope, receive: object, send: object) -> None:
        called.append(scope)

    messages: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"x", "more_body": True},
    ]

    async def receive() -> Message:
        return messages.pop()

    async def send(_message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "headers": [], "path": "/"}
    asyncio.run(BodyLimit(route, 10)(scope, receive, send))

    assert called == []


def test_who_asks_too_often_waits_and_the_others_do_not() -> None:
    now = [0.0]
    limited = RateLimit(
        PlainTextResponse("fine"),
        per_second=2,
        burst=3,
        name_of=lambda scope: dict(scope["headers"])[b"who"].decode(),
        clock=lambda: now[0],
    )
    client = TestClient(limited)

    def ask(who: str, path: str = "/") -> int:
        return client.get(path, headers={"who": who}).status_code

    assert [ask("a") for _ in range(5)] == [200, 200, 200, 429, 429]
    assert ask("b") == 200
    assert ask("a", "/healthz") == 200, "probes are never refused"
    now[0] += 0.5
    assert [ask("a"), ask("a")] == [200, 429]
    now[0] += 3600
    assert [ask("a") for _ in range(4)] == [200, 200, 200, 429], "time off fills no more than full"
    assert client.get("/", headers={"who": "a"}).headers["Retry-After"] == "1"


def test_strangers_share_the_allowance_of_their_address_and_keys_have_their_own(
    visit: Visit,
) -> None:
    client = visit(burst_requests=2, requests_per_second=0.001)

    wrong = [client.get("/metrics", headers={"X-API-Key": f"wrong-{n}"}) for n in range(3)]

    assert [one.status_code for one in wrong] == [200, 200, 429]
    assert wrong[2].headers["Content-Type"] == "application/problem+json"
    assert client.get("/metrics", headers=HEADERS).status_code == 200
