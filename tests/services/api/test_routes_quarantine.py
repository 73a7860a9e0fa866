from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shared.api_keys import Scope, new_key
from shared.db.engine import Database
from shared.db.ingest import record_quarantine
from tests.services.api.conftest import HEADERS, Visit
from tests.shared.db.rows import SENDER, spooled


@pytest.fixture
def number(client: TestClient, database: Database) -> int:
    with database.write() as session:
        record_quarantine(session, spooled("x"), code="structure", reason="cut", sender=SENDER)
    (one,) = client.get("/api/v1/quarantine?state=held").json()["items"]
    return int(one["id"])


@pytest.mark.parametrize(("action", "state"), [("release", "released"), ("discard", "discarded")])
def test_an_operator_decides_once(client: TestClient, number: int, action: str, state: str) -> None:
    where = f"/api/v1/quarantine/{number}/{action}"

    answer = client.post(where, headers=HEADERS)

    assert (answer.status_code, answer.json()) == (200, {"id": number, "state": state})
    assert client.get("/api/v1/quarantine?state=held").json()["total"] == 0
    assert client.post(where, headers=HEADERS).status_code == 409


@pytest.mark.parametrize("action", ["release", "discard"])
def test_nothing_and_nobody_decide_nothing(client: TestClient, number: int, action: str) -> None:
    assert client.post(f"/api/v1/quarantine/{number}/{action}").status_code == 401
    assert (
        client.post(f"/api/v1/quarantine/{number + 1}/{action}", headers=HEADERS).status_code == 404
    )
    assert client.get("/api/v1/quarantine?state=held").json()["total"] == 1


def test_what_cannot_be_undone_takes_an_admin(visit: Visit, number: int, tmp_path: Path) -> None:
    made = {scope: new_key(scope.value, scope) for scope in (Scope.OPERATE, Scope.ADMIN)}
    file = tmp_path / "keys"
    file.write_text("".join(f"{key.line()}\n" for _, key in made.values()), encoding="utf-8")
    client = visit(key_file=file)

    def discard(scope: Scope) -> int:
        where = f"/api/v1/quarantine/{number}/discard"
        return client.post(where, headers={"X-API-Key": made[scope][0]}).status_code

    assert [discard(Scope.OPERATE), discard(Scope.ADMIN)] == [403, 200]


def test_the_page_lets_an_operator_decide(client: TestClient, number: int) -> None:
    section = client.get("/sections/quarantine").text

    for action in ("release", "discard"):
        assert f'hx-post="/api/v1/quarantine/{number}/{action}"' in section
