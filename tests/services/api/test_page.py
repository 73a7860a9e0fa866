import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import services.api
from services.api.page import STUDIES_A_PAGE
from shared.db.engine import Database
from shared.db.ingest import Sender, record_quarantine
from shared.db.processes import beat
from shared.db.refusals import record_refusal
from shared.errors import AwayError, BadInputError
from tests.services.api.rows import claimed, done, failed, frozen, received, routed
from tests.shared.db.rows import spooled

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
SECTIONS = ["tiles", "queues", "attention", "studies", "processes", "models", "refused"]
SECTIONS += ["quarantine"]


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_an_empty_page_says_what_to_do_next(client: TestClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for hint in (
        "No study has arrived yet",
        "Nobody was refused",
        "everything that arrived could be read",
        "no job failed or was parked",
        "Start the dispatcher, a worker and the writer",
    ):
        assert hint in page.text


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_of_the_page_can_be_asked_for_alone(client: TestClient, name: str) -> None:
    assert f'hx-get="/sections/{name}"' in client.get("/").text
    section = client.get(f"/sections/{name}")
    assert section.status_code == 200
    assert "<html" not in section.text


def test_an_unknown_section_is_a_problem(client: TestClient) -> None:
    assert client.get("/sections/secrets").status_code == 404


def test_a_study_shows_its_jobs_state_and_reason(client: TestClient, database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.826.0.1.3680043.10.511"), "layers")
        failed(session, job.id, BadInputError("the section is empty"))

    section = client.get("/sections/studies").text

    assert "layers: the section is empty" in section
    assert f'data-details="/details/jobs/{job.id}"' in section
    assert 'data-copy="1.2.826.0.1.3680043.10.511"' in section
    assert "the section is empty" in client.get("/sections/attention").text


def test_jobs_that_wait_for_the_archive_say_why_and_what_to_do(
    client: TestClient, database: Database
) -> None:
    with database.write() as session:
        for number in range(2):
            (job,) = routed(session, frozen(session, f"1.2.{number}"), "layers")
            failed(session, job.id, AwayError("the PACS refuses us (401)", code="pacs-login"))

    section = client.get("/sections/attention").text

    assert "the PACS refuses us (401)" in section
    assert "Waiting jobs go on" in section
    assert "<td>2</td>" in section


def test_a_failed_job_can_be_retried_and_a_waiting_one_cancelled(
    client: TestClient, database: Database
) -> None:
    with database.write() as session:
        bad, waiting, ready = (
            routed(session, frozen(session, f"1.2.{number}"), "layers")[0].id for number in range(3)
        )
        failed(session, bad, BadInputError("no"))
        done(session, ready)

    def actions(job_id: str) -> list[str]:
        found = re.findall(r'hx-post="([^"]+)"', client.get(f"/details/jobs/{job_id}").text)
        return [path.rpartition("/")[2] for path in found]

    assert (actions(bad), actions(waiting), actions(ready)) == (["retry"], ["cancel"], [])


def test_job_details_show_attempts_results_and_the_viewer(
    visit: Callable[..., TestClient], database: Database
) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.5"), "layers")
        done(session, job.id, description="AI: skin layers")
    client = visit(viewer_url="https://viewer.example/?study={study_instance_uid}")

    details = client.get(f"/details/jobs/{job.id}").text

    for shown in ("predict <b>3.5 s</b>", "AI: skin layers", "verified", "ResultsWritten"):
        assert shown in details
    assert 'href="https://viewer.example/?study=1.2.5"' in details


def test_study_details_show_what_reads_each_series(client: TestClient, database: Database) -> None:
    with database.write() as session:
        revision = frozen(session, "1.2.5", modality="MR")
        routed(session, revision, reason="no model reads MR")

    details = client.get(f"/details/studies/{revision.study_id}").text

    assert "no model reads MR" in details
    assert "StudyReceived" in details


def test_hostile_text_stays_text_everywhere(
    visit: Callable[..., TestClient], database: Database
) -> None:
    sender = Sender(calling_ae_title=HOSTILE, called_ae_title=HOSTILE, peer_address=HOSTILE)
    with database.write() as session:
        revision = frozen(session, HOSTILE, modality=HOSTILE)
        written, bad = routed(session, revision, "layers", HOSTILE, reason=HOSTILE)
        done(session, written.id, description=HOSTILE)
        failed(session, bad.id, BadInputError(HOSTILE, code=HOSTILE))
        record_refusal(session, sender, HOSTILE)
        record_quarantine(session, spooled("x"), code=HOSTILE, reason=HOSTILE, sender=sender)
        beat(session, HOSTILE, {"actors": {HOSTILE: {"state": HOSTILE, HOSTILE: HOSTILE}}})
    client = visit(viewer_url="https://viewer.example/?study={study_instance_uid}")
    paths = ["/", f"/details/studies/{revision.study_id}"]
    paths += [f"/details/jobs/{written.id}", f"/details/jobs/{bad.id}"]

    for path in paths:
        text = client.get(path).text
        assert "&lt;script&gt;" in text
        elements = Elements(text).found
        assert all((attrs.get("src") or "/static/").startswith("/static/") for _, attrs in elements)
        assert not any(name.startswith("on") for _, attrs in elements for name in attrs)
        assert [attrs for tag, attrs in elements if tag == "script" and "src" not in attrs] == []


def test_studies_are_paged_and_filtered(client: TestClient, database: Database) -> None:
    with database.write() as session:
        for number in range(STUDIES_A_PAGE + 1):
            received(session, f"1.2.{number}")

    assert "Page 1 of 2" in client.get("/sections/studies").text
    assert client.get("/sections/studies?page=2").text.count("data-copy") == 1
    assert "No study here" in client.get("/sections/studies?state=done").text


def test_a_silent_process_is_called_silent(client: TestClient, database: Database) -> None:
    with database.write() as session:
        beat(session, "worker", {"actors": {"layers": {"state": "ready", "device": "cpu"}}})

    section = client.get("/sections/processes").text

    assert "alive" in section
    assert "actor layers" in section
    assert "silent" not in section


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    elements = Elements(client.get("/").text).found
    loaded = [
        value
        for tag, attrs in elements
        if tag in {"script", "link", "img"}
        for name in ("src", "href")
        if (value := attrs.get(name)) is not None
    ]
    assert len(loaded) == 5
    for path in loaded:
        assert path.startswith("/static/")
        assert client.get(path).status_code == 200
    assert not any("style" in attrs for _, attrs in elements), "our own policy forbids them"


def test_the_licence_of_htmx_travels_with_it() -> None:
    folder = Path(services.api.__file__).parent / "static" / "htmx"

    assert "Zero-Clause BSD" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "2.0.4" in (folder / "VERSION").read_text(encoding="utf-8")


def test_a_running_job_tells_since_when(client: TestClient, database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.1"), "layers")
        claimed(session, job.id)

    assert "data-running" in client.get("/sections/studies").text
