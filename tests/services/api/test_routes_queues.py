from fastapi.testclient import TestClient

from tests.services.api.conftest import HEADERS


def paused(client: TestClient) -> set[str]:
    return {one["name"] for one in client.get("/api/v1/queues").json() if one["paused"]}


def test_an_operator_pauses_and_resumes_a_queue(client: TestClient) -> None:
    for name in ("layers", "writer"):
        answer = client.post(f"/api/v1/queues/{name}/pause", headers=HEADERS)
        assert (answer.status_code, answer.json()["paused"]) == (200, True)
    assert paused(client) == {"layers", "writer"}

    answer = client.post("/api/v1/queues/layers/resume", headers=HEADERS)

    assert (answer.status_code, answer.json()["paused"]) == (200, False)
    assert paused(client) == {"writer"}


def test_a_queue_that_is_not_there_cannot_be_paused(client: TestClient) -> None:
    assert client.post("/api/v1/queues/nowhere/pause", headers=HEADERS).status_code == 404


def test_nobody_pauses_a_queue_without_a_key(client: TestClient) -> None:
    assert client.post("/api/v1/queues/layers/pause").status_code == 401
    assert paused(client) == set()
