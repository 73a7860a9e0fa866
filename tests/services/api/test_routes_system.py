from datetime import timedelta

from fastapi.testclient import TestClient
from sqlalchemy import update

from shared.db.engine import Database, clock
from shared.db.ingest import open_association, record_quarantine
from shared.db.processes import beat
from shared.db.refusals import record_refusal
from shared.db.tables import Job, Process
from shared.errors import TransientError
from tests.services.api.rows import claimed, done, failed, frozen, inferred, received, routed
from tests.shared.db.rows import SENDER, spooled


def test_queues_count_what_waits_what_is_delayed_and_what_runs(
    client: TestClient, database: Database
) -> None:
    with database.write() as session:
        jobs = [
            routed(session, frozen(session, f"1.2.{number}"), "layers")[0].id for number in range(4)
        ]
        an_hour_ago = clock(session) - timedelta(hours=1)
        session.execute(update(Job).where(Job.id == jobs[0]).values(not_before=an_hour_ago))
    with database.write() as session:
        claimed(session, jobs[1])
        failed(session, jobs[2], TransientError("busy"))
        inferred(session, jobs[3])

    layers, writer = client.get("/api/v1/queues").json()

    assert (layers["name"], layers["waiting"], layers["delayed"], layers["running"]) == (
        "layers",
        1,
        1,
        1,
    )
    assert 3600 <= layers["oldest_seconds"] < 3700
    assert (writer["name"], writer["waiting"], writer["running"]) == ("writer", 1, 0)


def test_an_idle_model_still_has_its_queue(client: TestClient) -> None:
    assert client.get("/api/v1/queues").json() == [
        {
            "name": name,
            "waiting": 0,
            "delayed": 0,
            "running": 0,
            "oldest_seconds": None,
            "paused": False,
        }
        for name in ("layers", "writer")
    ]


def test_totals_count_the_pipeline(client: TestClient, database: Database) -> None:
    with database.write() as session:
        ready = routed(session, frozen(session, "1.2.1"), "layers")[0].id
        old = routed(session, frozen(session, "1.2.2"), "layers")[0].id
        routed(session, frozen(session, "1.2.3"), "layers")
        done(session, ready)
        done(session, old)
        two_days_ago = clock(session) - timedelta(days=2)
        session.execute(update(Job).where(Job.id == old).values(finished_at=two_days_ago))
        received(session, "1.2.4")
        open_association(session, "listener", SENDER)
        record_quarantine(session, spooled("x"), code="structure", reason="cut", sender=SENDER)

    assert client.get("/api/v1/totals").json() == {
        "associations": 1,
        "receiving": 1,
        "queued": 1,
        "running": 0,
        "writing": 0,
        "done_last_day": 1,
        "failed": 0,
        "quarantined": 1,
    }


def test_a_process_that_is_not_heard_is_silent(client: TestClient, database: Database) -> None:
    with database.write() as session:
        beat(session, "worker", {"actors": {"layers": {"state": "ready"}}})
        beat(session, "writer")
    with database.write() as session:
        long_ago = clock(session) - timedelta(hours=1)
        session.execute(update(Process).where(Process.role == "writer").values(seen_at=long_ago))

    workers = client.get("/api/v1/workers").json()

    assert [(one["role"], one["silent"]) for one in workers] == [
        ("worker", False),
        ("writer", True),
    ]
    assert workers[0]["details"] == {"actors": {"layers": {"state": "ready"}}}


def test_a_model_without_weights_says_so(client: TestClient) -> None:
    (model,) = client.get("/api/v1/models").json()

    assert (model["name"], model["accepts"]) == ("layers", ["an LC-OCT section"])
    assert model["segments"] == [
        {"number": 1, "label": "Epidermis", "code": "99CUTIS VIAEPI", "colour": [220, 100, 130]}
    ]


def test_refused_senders_are_listed_with_their_reason(
    client: TestClient, database: Database
) -> None:
    for _ in range(2):
        with database.write() as session:
            record_refusal(session, SENDER, "calling AE title is not allowed")

    page = client.get("/api/v1/refused-senders").json()

    assert page["total"] == 1
    assert (page["items"][0]["count"], page["items"][0]["reason"]) == (
        2,
        "calling AE title is not allowed",
    )


def test_quarantine_is_filtered_by_state(client: TestClient, database: Database) -> None:
    with database.write() as session:
        record_quarantine(session, spooled("x"), code="structure", reason="cut", sender=SENDER)

    held = client.get("/api/v1/quarantine?state=held").json()

    assert [(one["code"], one["reason"], one["size"]) for one in held["items"]] == [
        ("structure", "cut", 1)
    ]
    assert client.get("/api/v1/quarantine?state=discarded").json()["items"] == []
