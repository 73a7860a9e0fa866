"""Addresses of studies and results in the site's viewer."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from services.api.links import Links
from services.api.settings import ApiSettings
from shared.db.engine import Database
from tests.services.api.rows import done, frozen, routed

OHIF = (
    "https://viewer.example/viewer?StudyInstanceUIDs={study_instance_uid}"
    "&initialSeriesInstanceUID={series_instance_uid}"
)
STUDY = "https://viewer.example/viewer?StudyInstanceUIDs=1.2.5"


def one_done_job(database: Database) -> tuple[str, int]:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.5"), "layers")
        done(session, job.id)
        return job.id, 1


def test_an_overlay_has_the_address_of_its_own_series_and_a_lone_report_that_of_its_study(
    visit: Callable[..., TestClient], database: Database
) -> None:
    job_id, study_id = one_done_job(database)
    client = visit(viewer_url=OHIF)

    paths = (f"/api/v1/jobs/{job_id}", f"/api/v1/studies/{study_id}")
    answers = [client.get(path).json()["results"] for path in paths]
    answers.append(client.get("/api/v1/results").json()["items"])

    for results in answers:
        addresses = {one["role"]: one["viewer_url"] for one in results}
        (seg,) = (one["series_instance_uid"] for one in results if one["role"] == "seg")
        assert addresses == {"seg": f"{STUDY}&initialSeriesInstanceUID={seg}", "sr": STUDY}
    assert client.get(f"/api/v1/studies/{study_id}").json()["viewer_url"] == STUDY


def test_what_a_viewer_cannot_show_opens_the_picture_of_the_same_findings(
    visit: Callable[..., TestClient], database: Database
) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.5"), "layers")
        done(session, job.id, roles=("seg", "pm", "sr", "sr-image", "sc"))
    results = visit(viewer_url=OHIF).get("/api/v1/results").json()["items"]

    opened = {one["role"]: one["viewer_url"].rpartition("=")[2] for one in results}

    series = {one["role"]: one["series_instance_uid"] for one in results}
    assert opened["seg"] == series["seg"]
    assert {opened[role] for role in ("pm", "sr", "sr-image", "sc")} == {series["sc"]}


def test_the_page_links_each_result_and_the_study(
    visit: Callable[..., TestClient], database: Database
) -> None:
    job_id, study_id = one_done_job(database)
    client = visit(viewer_url=OHIF)
    results = client.get(f"/api/v1/jobs/{job_id}").json()["results"]

    for path in (f"/details/jobs/{job_id}", f"/details/studies/{study_id}"):
        text = client.get(path).text.replace("&amp;", "&")
        assert f'href="{STUDY}"' in text
        for one in results:
            assert f'href="{one["viewer_url"]}"' in text


def test_without_a_viewer_there_is_no_address(client: TestClient, database: Database) -> None:
    job_id, study_id = one_done_job(database)

    results = client.get(f"/api/v1/jobs/{job_id}").json()["results"]

    assert [one["viewer_url"] for one in results] == [None, None]
    assert client.get(f"/api/v1/studies/{study_id}").json()["viewer_url"] is None
    assert "CUTIS_API_VIEWER_URL" in client.get(f"/details/jobs/{job_id}").text


def test_a_uid_cannot_leave_its_place_in_the_address() -> None:
    links = Links("https://viewer.example/?study={study_instance_uid}")

    assert links.study("1&x=/#{series_instance_uid}") == (
        "https://viewer.example/?study=1%26x%3D%2F%23%7Bseries_instance_uid%7D"
    )


def test_the_address_of_a_study_leaves_out_only_what_names_a_series() -> None:
    links = Links("https://viewer.example/?s={series_instance_uid}&u={study_instance_uid}&a=b")

    assert links.study("1.2") == "https://viewer.example/?u=1.2&a=b"


@pytest.mark.parametrize(
    "template",
    [
        "https://viewer.example/",
        "https://viewer.example/?s={series_instance_uid}",
        "https://viewer.example/?u={study_instance_uid}&p={patient_id}",
        "ftp://viewer.example/{study_instance_uid}",
        "https://viewer.example/{study_instance_uid",
    ],
)
def test_a_template_that_cannot_name_a_study_is_refused_at_the_start(template: str) -> None:
    with pytest.raises(ValidationError):
        ApiSettings(viewer_url=template)
