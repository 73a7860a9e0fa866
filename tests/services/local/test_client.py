from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.local.client import ApiClient, is_good, is_settled, wait_until_settled
from shared.errors import ConfigurationError, PermanentError, TransientError


def client_of(
    answer: Callable[[httpx.Request], httpx.Response], key_file: Path | None = None
) -> ApiClient:
    return ApiClient("http://api", key_file, httpx.MockTransport(answer))


def study(state: str, *jobs: str, uid: str = "1.2") -> dict[str, Any]:
    return {
        "study_instance_uid": uid,
        "state": state,
        "jobs": [{"state": one} for one in jobs],
    }


def test_every_page_of_a_list_is_read() -> None:
    everything = [{"id": str(number)} for number in range(7)]

    def answer(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        page = everything[offset : offset + 3]
        return httpx.Response(200, json={"items": page, "total": 7})

    with client_of(answer) as client:
        assert client.jobs() == everything


def test_a_retry_sends_the_key_in_a_header_only(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("a-long-secret-key\n")
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"job_id": "ab", "state": "queued"})

    with client_of(answer, key_file) as client:
        assert client.retry("ab")["state"] == "queued"

    assert asked[0].headers["X-API-Key"] == "a-long-secret-key"
    assert "secret" not in str(asked[0].url)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ConfigurationError),
        (409, PermanentError),
        (404, PermanentError),
        (503, TransientError),
    ],
)
def test_the_reason_of_the_api_is_the_reason_of_the_error(
    status: int, error: type[Exception]
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"title": "No", "detail": "the job is done"})

    with client_of(answer) as client, pytest.raises(error, match="the job is done"):
        client.retry("ab")


def test_an_answer_that_is_no_json_is_told_by_its_status() -> None:
    with (
        client_of(lambda _: httpx.Response(502, text="<html>")) as client,
        pytest.raises(TransientError, match="502"),
    ):
        client.models()


def test_nobody_answering_is_transient() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client_of(answer) as client, pytest.raises(TransientError, match="does not answer"):
        client.studies()


@pytest.mark.parametrize(
    ("state", "jobs", "settled", "good"),
    [
        ("receiving", (), False, False),
        ("routing", (), False, False),
        ("processing", ("running",), False, False),
        ("attention", ("failed", "running"), False, False),
        ("attention", ("failed", "done"), True, False),
        ("done", ("done", "done"), True, True),
        ("done", ("done", "cancelled"), True, False),
        ("cancelled", ("cancelled",), True, False),
        ("skipped", (), True, True),
    ],
)
def test_a_study_is_settled_when_nothing_happens_any_more_and_good_when_all_is_done(
    state: str, jobs: tuple[str, ...], settled: bool, good: bool
) -> None:
    assert (is_settled(study(state, *jobs)), is_good(study(state, *jobs))) == (settled, good)


def test_waiting_ends_once_every_named_study_arrived_and_settled() -> None:
    answers = iter(
        [
            [],
            [study("done", "done", uid="1.1")],
            [study("done", "done", uid="1.1"), study("processing", "running", uid="1.2")],
            [study("done", "done", uid="1.1"), study("attention", "failed", uid="1.2")],
        ]
    )

    def answer(_: httpx.Request) -> httpx.Response:
        items = next(answers)
        return httpx.Response(200, json={"items": items, "total": len(items)})

    with client_of(answer) as client:
        found = wait_until_settled(client, ["1.1", "1.2"], 60)

    assert [one["state"] for one in found] == ["done", "attention"]


def test_waiting_gives_up_and_shows_how_things_are() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [study("processing", "running")], "total": 1})

    with client_of(answer) as client:
        found = wait_until_settled(client, [], 0)

    assert [one["state"] for one in found] == ["processing"]
