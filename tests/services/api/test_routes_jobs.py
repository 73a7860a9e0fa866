from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.db.engine import Database
from shared.errors import PermanentError
from tests.services.api.conftest import HEADERS
from tests.services.api.rows import claimed, done, failed, frozen, routed

UNKNOWN = "0" * 32


def job_of(database: Database, study_uid: str = "1.2.1", model: str = "layers") -> str:
    with database.write() as session:
        return routed(session, frozen(session, study_uid), model)[0].id


def failed_job(database: Database) -> str:
    job_id = job_of(database)
    with database.write() as session:
        failed(session, job_id, PermanentError("the section is too short", code="short"))
    return job_id


def test_jobs_are_filtered_by_state_and_model(client: TestClient, database: Database) -> None:
    waiting, running = job_of(database), job_of(database, "1.2.2", "segmentation")
    with database.write() as session:
        claimed(session, running)

    def ids(query: str) -> set[str]:
        return {one["id"] for one in client.get(f"/api/v1/jobs{query}").json()["items"]}

    assert ids("") == {waiting, running}
    assert ids("?state=running") == {running}
    assert ids("?state=queued&state=running") == {waiting, running}
    assert ids("?model=layers") == {waiting}
    assert ids("?model=layers&state=running") == set()


def test_one_job_shows_its_attempts_steps_and_results(
    client: TestClient, database: Database
) -> None:
    job_id = job_of(database)
    with database.write() as session:
        done(session, job_id)

    job = client.get(f"/api/v1/jobs/{job_id}").json()

    assert (job["state"], job["can_retry"], job["can_cancel"]) == ("done", False, False)
    assert [(one["stage"], one["outcome"], one["stage_seconds"]) for one in job["attempts"]] == [
        ("model", "succeeded", {"read": 0.25, "predict": 3.5}),
        ("write", "succeeded", {"build": 0.5, "store": 0.125}),
    ]
    assert {one["role"] for one in job["results"]} == {"seg", "sr"}
    assert job["instances"] == 1


def test_a_failed_job_says_why(client: TestClient, database: Database) -> None:
    job = client.get(f"/api/v1/jobs/{failed_job(database)}").json()

    assert (job["state"], job["code"], job["reason"]) == (
        "failed",
        "short",
        "the section is too short",
    )
    assert job["can_retry"]


def test_an_operator_retries_a_failed_job(client: TestClient, database: Database) -> None:
    job_id = failed_job(database)

    answer = client.post(f"/api/v1/jobs/{job_id}/retry", headers=HEADERS)

    assert (answer.status_code, answer.json()) == (200, {"job_id": job_id, "state": "queued"})
    assert client.get(f"/api/v1/jobs/{job_id}").json()["state"] == "queued"


def test_an_operator_cancels_a_waiting_job(client: TestClient, database: Database) -> None:
    job_id = job_of(database)

    answer = client.post(f"/api/v1/jobs/{job_id}/cancel", headers=HEADERS)

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    job = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["state"], job["code"]) == ("cancelled", "operator")


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_what_the_state_forbids_is_a_conflict(
    client: TestClient, database: Database, action: str
) -> None:
    job_id = job_of(database)
    with database.write() as session:
        done(session, job_id)

    answer = client.post(f"/api/v1/jobs/{job_id}/{action}", headers=HEADERS)

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "illegal-move"


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_an_unknown_job_cannot_be_changed(client: TestClient, action: str) -> None:
    assert client.post(f"/api/v1/jobs/{UNKNOWN}/{action}", headers=HEADERS).status_code == 404


def test_an_unknown_job_is_a_problem(client: TestClient) -> None:
    assert client.get(f"/api/v1/jobs/{UNKNOWN}").json()["title"] == "Not Found"


@pytest.mark.parametrize("action", ["retry", "cancel"])
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "not-the-right-key"}, {"X-API-Key": ""}])
def test_without_the_right_key_nothing_changes(
    client: TestClient, database: Database, action: str, headers: dict[str, str]
) -> None:
    job_id = failed_job(database) if action == "retry" else job_of(database)
    before = client.get(f"/api/v1/jobs/{job_id}").json()

    answer = client.post(f"/api/v1/jobs/{job_id}/{action}", headers=headers)

    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(f"/api/v1/jobs/{job_id}").json() == before


def test_without_any_configured_key_every_change_is_refused_with_a_hint(
    visit: Callable[..., TestClient], database: Database
) -> None:
    job_id = failed_job(database)

    answer = visit(key=SecretStr("")).post(f"/api/v1/jobs/{job_id}/retry", headers=HEADERS)

    assert answer.status_code == 403
    assert "CUTIS_API_KEY_FILE" in answer.json()["detail"]
