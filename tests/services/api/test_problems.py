import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from shared.db.engine import Database


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/studies/0",
        "/api/v1/studies/anna-musterfrau",
        "/api/v1/studies?limit=0",
        "/api/v1/studies?state=nowhere",
        "/api/v1/jobs/not-an-id",
        "/api/v1/jobs?state=nowhere",
    ],
)
def test_a_wrong_value_is_a_problem_that_does_not_repeat_it(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["why"]
    assert "musterfrau" not in answer.text


def test_an_unknown_address_is_a_problem(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")

    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "",
        "code": "not-found",
        "errors": [],
    }
    assert client.delete("/api/v1/jobs").json()["status"] == 405


def test_a_database_that_cannot_be_read_is_a_problem_without_details(
    client: TestClient, database: Database
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE job RENAME TO elsewhere"))

    answer = client.get("/api/v1/jobs")

    assert answer.status_code == 503
    assert answer.json()["code"] == "database"
    assert "SELECT" not in answer.text
    assert "Traceback" not in answer.text


def test_the_description_of_the_api_names_every_error_it_answers(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]

    retry = paths["/api/v1/jobs/{job_id}/retry"]["post"]
    assert {"200", "401", "403", "404", "409", "422", "503"} <= retry["responses"].keys()
    assert "application/problem+json" in retry["responses"]["409"]["content"]
    assert retry["security"], "a key is needed"
    assert all(
        operation["tags"] and operation["summary"]
        for path in paths.values()
        for operation in path.values()
    )
    assert "/" not in paths, "the page is not part of the API"
