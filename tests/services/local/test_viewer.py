"""The viewer's server, before a PACS that a test can look into."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services.local.addresses import DicomAddress, PacsAddress
from services.local.secret_files import write_private
from services.local.viewer import link_template, viewer_app

Asked = list[tuple[str, dict[str, str]]]


class Pacs(BaseHTTPRequestHandler):
    """Answers every question, and remembers it."""

    asked: Asked

    def do_GET(self) -> None:
        self.asked.append((self.path, {name.lower(): one for name, one in self.headers.items()}))
        if "dropped" in self.path and len(self.asked) == 1:
            return  # the connection closes without an answer
        known = "missing" not in self.path
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Set-Cookie", "session=secret")
        self.end_headers()
        self.wfile.write(b"[]" if known else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked() -> Asked:
    return []


@pytest.fixture
def client(tmp_path: Path, asked: Asked) -> Iterator[TestClient]:
    ohif = tmp_path / "ohif"
    (ohif / "assets").mkdir(parents=True)
    (ohif / "index.html").write_text("the viewer")
    (ohif / "assets" / "app.js").write_text("a script")
    (tmp_path / "secret").write_text("outside")
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Pacs,), {"asked": asked})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        pacs = PacsAddress(
            dicom=DicomAddress(ae_title="A", host="127.0.0.1", port=1),
            dicomweb_url=f"http://127.0.0.1:{server.server_port}/root/dicom-web",
            username="user",
            password_file=write_private(tmp_path / "password", "open sesame"),
        )
        with TestClient(viewer_app(ohif, pacs), base_url="http://127.0.0.1:3000") as opened:
            yield opened
        server.shutdown()
        thread.join()


def test_addresses_of_the_application_give_its_page(client: TestClient) -> None:
    for path in ("/", "/viewer?StudyInstanceUIDs=1.2.3", "/local"):
        assert client.get(path).text == "the viewer"
    assert client.get("/assets/app.js").text == "a script"


def test_a_file_that_is_not_there_is_not_the_page(client: TestClient) -> None:
    assert client.get("/assets/other.js").status_code == 404


def test_the_configuration_is_ours(client: TestClient) -> None:
    answer = client.get("/app-config.js")

    assert "/dicom-web" in answer.text
    assert answer.headers["content-type"].startswith("text/javascript")


def test_a_question_whose_connection_had_closed_is_asked_again(
    client: TestClient, asked: Asked
) -> None:
    assert client.get("/dicom-web/dropped").json() == []
    assert len(asked) == 2


def test_the_pacs_is_asked_with_its_password_which_the_browser_never_sees(
    client: TestClient, asked: Asked
) -> None:
    answer = client.get(
        "/dicom-web/studies?limit=1&PatientID=a%20b",
        headers={"Accept": "application/dicom+json", "Cookie": "own=1"},
    )

    ((path, headers),) = asked
    assert answer.json() == []
    assert path == "/root/dicom-web/studies?limit=1&PatientID=a%20b"
    assert headers["authorization"].startswith("Basic ")
    assert headers["accept"] == "application/dicom+json"
    assert headers["forwarded"] == "host=127.0.0.1:3000;proto=http"
    assert "cookie" not in headers
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_what_the_pacs_refuses_is_passed_on(client: TestClient) -> None:
    assert client.get("/dicom-web/missing").status_code == 404


def test_nothing_is_written_through_the_viewer(client: TestClient, asked: Asked) -> None:
    assert client.post("/dicom-web/studies", content=b"x").status_code == 405
    assert client.delete("/dicom-web/studies/1.2").status_code == 405
    assert asked == []


def test_only_loopback_names_are_answered(client: TestClient, asked: Asked) -> None:
    answer = client.get("/dicom-web/studies", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert asked == []


@pytest.mark.parametrize("path", ["/dicom-web/%2e%2e/system", "/dicom-web/a/%2e%2e/%2e%2e/system"])
def test_only_dicomweb_of_the_pacs_can_be_reached(
    client: TestClient, asked: Asked, path: str
) -> None:
    assert client.get(path).status_code in {200, 404}
    assert [one for one, _ in asked if not one.startswith("/root/dicom-web/")] == []


def test_nothing_outside_the_viewers_folder_is_served(client: TestClient) -> None:
    assert "outside" not in client.get("/%2e%2e/secret").text


def test_a_pacs_that_is_away_is_a_bad_gateway(tmp_path: Path) -> None:
    pacs = PacsAddress(
        dicom=DicomAddress(ae_title="A", host="127.0.0.1", port=1),
        dicomweb_url="http://127.0.0.1:1/dicom-web",
    )
    with TestClient(viewer_app(tmp_path, pacs), base_url="http://127.0.0.1") as opened:
        assert opened.get("/dicom-web/studies").status_code == 502


def test_images_cannot_be_sent_elsewhere_by_the_page(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]

    assert policy.startswith("default-src 'self'")
    assert "http" not in policy


def test_the_template_of_links_names_study_and_series() -> None:
    assert link_template("http://127.0.0.1:3000") == (
        "http://127.0.0.1:3000/viewer?StudyInstanceUIDs={study_instance_uid}"
        "&initialSeriesInstanceUID={series_instance_uid}"
    )
