from collections.abc import Callable

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from services.api.app import create_app
from services.api.settings import ApiSettings
from shared.db.engine import Database
from shared.db.ingest import record_quarantine
from shared.db.processes import beat
from shared.db.refusals import record_refusal
from shared.errors import AwayError, PermanentError
from shared.settings import Settings
from shared.spool import Spool
from tests.services.api.rows import done, failed, frozen, routed
from tests.shared.db.rows import SENDER, spooled

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(client: TestClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_are_what_the_database_says(
    client: TestClient, database: Database, spool: Spool
) -> None:
    with database.write() as session:
        good, bad, barred, _ = (
            routed(session, frozen(session, f"1.2.{number}"), "layers")[0].id for number in range(4)
        )
        failed(session, barred, AwayError("the PACS refuses our credentials", code="pacs-login"))
        done(session, good)
        failed(session, bad, PermanentError("no"))
        for _ in range(2):
            record_refusal(session, SENDER, "calling AE title is not allowed")
            session.flush()
        record_quarantine(session, spooled("x"), code="structure", reason="cut", sender=SENDER)
        beat(session, "writer")
    spool.free_bytes()  # makes the folder

    samples = scrape(client)

    assert samples["cutis_jobs", (("model", "layers"), ("state", "done"))] == 1
    assert samples["cutis_jobs", (("model", "layers"), ("state", "failed"))] == 1
    assert samples["cutis_studies", (("state", "attention"),)] == 1
    assert samples["cutis_studies", (("state", "receiving"),)] == 0
    assert samples["cutis_jobs_delayed", (("code", "pacs-login"),)] == 1
    assert samples["cutis_queue_depth", (("queue", "layers"),)] == 2
    assert samples["cutis_queue_oldest_seconds", (("queue", "layers"),)] >= 0
    assert samples["cutis_queue_running", (("queue", "writer"),)] == 0
    attempts = (("model", "layers"), ("outcome", "succeeded"), ("stage", "write"))
    assert samples["cutis_attempts_total", attempts] == 1
    assert samples["cutis_refused_associations_total", ()] == 2
    assert samples["cutis_quarantined_instances", (("state", "held"),)] == 1
    assert samples["cutis_processes", (("heard", "yes"), ("role", "writer"))] == 1
    assert samples["cutis_spool_free_bytes", ()] > 0


def test_a_spool_that_is_not_mounted_has_no_free_bytes(client: TestClient) -> None:
    assert not any(name == "cutis_spool_free_bytes" for name, _ in scrape(client))


def test_labels_never_hold_what_a_sender_chose(client: TestClient, database: Database) -> None:
    with database.write() as session:
        record_refusal(session, SENDER, "calling AE title is not allowed")

    assert SENDER.calling_ae_title not in client.get("/metrics").text
    assert SENDER.peer_address not in client.get("/metrics").text


def test_ready_when_database_and_broker_answer(client: TestClient) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_not_ready_when_redis_is_absent(database: Database) -> None:
    nowhere = Settings(database_url=database.url, redis_url="redis://127.0.0.1:1/0")
    app = create_app(database, nowhere, ApiSettings(), models={})

    answer = TestClient(app, base_url="http://127.0.0.1").get("/readyz")

    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (checks["database"]["ok"], checks["broker"]["ok"]) == (True, False)
    assert "ConnectionError" in checks["broker"]["detail"]


def test_not_ready_when_the_schema_is_not_ours(client: TestClient, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    checks = client.get("/readyz").json()["checks"]

    assert not checks["database"]["ok"]
    assert "shared.db.migrate" in checks["database"]["detail"]


def test_alive_even_when_nothing_else_is(visit: Callable[..., TestClient]) -> None:
    def refuse() -> None:
        raise RedisConnectionError

    client = visit(ping=refuse)

    assert client.get("/healthz").text == "ok"
    assert client.get("/readyz").status_code == 503
