from fastapi.testclient import TestClient

from shared.db.engine import Database
from shared.db.operations import cancel_job
from shared.errors import BadInputError
from tests.services.api.rows import SERIES, done, failed, frozen, received, routed


def test_a_study_says_where_it_is_and_why(client: TestClient, database: Database) -> None:
    with database.write() as session:
        (good,) = routed(session, frozen(session, "1.2.1"), "layers")
        (bad,) = routed(session, frozen(session, "1.2.2", modality="XC"), "segmentation")
        done(session, good.id)
        failed(session, bad.id, BadInputError("no skin in the photo"))
        routed(session, frozen(session, "1.2.3", modality="MR"), reason="no model reads MR")
        frozen(session, "1.2.4")
        received(session, "1.2.5", images=3)

    page = client.get("/api/v1/studies").json()

    said = [
        (one["study_instance_uid"], one["state"], one["reason"], one["modalities"])
        for one in page["items"]
    ]
    assert said == [
        ("1.2.5", "receiving", "images are still arriving", ["OCT"]),
        ("1.2.4", "routing", "complete: quiet for 0 s and no association open", ["OCT"]),
        ("1.2.3", "skipped", "no model reads MR", ["MR"]),
        ("1.2.2", "attention", "segmentation: no skin in the photo", ["XC"]),
        ("1.2.1", "done", "results are in the PACS: layers", ["OCT"]),
    ]
    assert page["total"] == 5
    assert page["items"][0]["instances"] == 3
    assert [job["model"] for job in page["items"][3]["jobs"]] == ["segmentation"]


def test_a_done_study_says_whose_results_it_has_and_whose_not(
    client: TestClient, database: Database
) -> None:
    with database.write() as session:
        good, bad = routed(session, frozen(session, "1.2.1"), "layers", "perfusion")
        done(session, good.id)
        cancel_job(session, bad.id, code="cancelled", reason="an operator cancelled it")

    (study,) = client.get("/api/v1/studies").json()["items"]

    assert study["state"] == "done"
    assert study["reason"] == (
        "results are in the PACS: layers; perfusion: an operator cancelled it"
    )


def test_studies_are_filtered_and_paged(client: TestClient, database: Database) -> None:
    with database.write() as session:
        for number in range(3):
            (job,) = routed(session, frozen(session, f"1.2.{number}"), "layers")
        done(session, job.id)

    processing = client.get("/api/v1/studies?state=processing&limit=1&offset=1").json()

    assert [one["study_instance_uid"] for one in processing["items"]] == ["1.2.0"]
    assert processing["total"] == 2


def test_one_study_shows_series_decisions_results_and_history(
    client: TestClient, database: Database
) -> None:
    with database.write() as session:
        revision = frozen(session, "1.2.1")
        (job,) = routed(session, revision, "layers")
        done(session, job.id)

    study = client.get(f"/api/v1/studies/{revision.study_id}").json()

    assert study["series"] == [
        {"series_instance_uid": SERIES, "modality": "OCT", "instances": 1, "conflicts": 0}
    ]
    assert [(one["model"], one["reason"]) for one in study["decisions"]] == [
        ("layers", "an LC-OCT section")
    ]
    assert {one["role"] for one in study["results"]} == {"seg", "sr"}
    assert [one["name"] for one in study["events"]] == [
        "StudyReceived",
        "JobQueued",
        "JobClaimed",
        "ModelRan",
        "JobClaimed",
        "ResultsWritten",
    ]


def test_an_unknown_study_is_a_problem(client: TestClient) -> None:
    answer = client.get("/api/v1/studies/7")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "There is no such study."


def test_results_say_whether_the_pacs_holds_them(client: TestClient, database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.1"), "layers")
        done(session, job.id)

    page = client.get("/api/v1/results?limit=1").json()

    assert page["total"] == 2
    assert [(one["model"], one["role"], one["state"]) for one in page["items"]] == [
        ("layers", "sr", "verified")
    ]
