"""The profile `viewer` for real: OHIF and the DICOMweb of Orthanc at one address, for its users."""

import json
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.stack import ROOT, Stack, require_engine

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

VIEWER = ("--profile", "viewer")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require_engine()
    made = Stack.make(tmp_path_factory.mktemp("viewer"))
    for image in _built_from():
        _require(image)
    try:
        made.compose(*VIEWER, "build", "viewer")
        made.compose(*VIEWER, "up", "--detach", "--wait", "--wait-timeout", "120", "viewer")
        yield made
        made.compose(*VIEWER, "down", "--volumes")
        assert made.left() == []
    finally:
        made.compose(*VIEWER, "down", "--volumes", check=False)


@pytest.fixture
def stranger(stack: Stack) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{stack.ports['VIEWER']}"
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def user(stack: Stack, stranger: httpx.Client) -> httpx.Client:
    stranger.auth = ("cutis", (stack.secrets / "orthanc").read_text())
    return stranger


@pytest.mark.parametrize("path", ["/", "/viewer", "/app-config.js", "/dicom-web/studies"])
def test_who_is_no_user_of_the_archive_sees_nothing(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_user_gets_the_viewer_at_every_address_of_its_own(user: httpx.Client) -> None:
    page = user.get("/")
    study = user.get("/viewer", params={"StudyInstanceUIDs": "1.2.3"})

    assert "ohif" in page.text.lower()
    assert study.text == page.text
    assert page.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert user.get("/not-there.js").status_code == 404


def test_the_viewers_configuration_is_ours(user: httpx.Client) -> None:
    ours = (ROOT / "deploy" / "viewer" / "app-config.js").read_text()

    assert user.get("/app-config.js").text == ours


def test_a_user_may_look_into_the_archive_and_change_nothing(user: httpx.Client) -> None:
    found = user.get("/dicom-web/studies", headers={"Accept": "application/dicom+json"})

    assert found.status_code == 200
    assert found.headers["Cache-Control"] == "no-store"
    assert json.loads(found.text) == []
    assert user.post("/dicom-web/studies", content=b"").status_code == 403
    assert user.delete("/dicom-web/studies/1.2.3").status_code == 403
    assert user.get("/system").text == user.get("/").text  # a page of the viewer, not Orthanc's


def _built_from() -> list[str]:
    lines = (ROOT / "deploy" / "docker" / "viewer.Dockerfile").read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith("ARG N") and "=" in line]


def _require(image: str) -> None:
    for command in (["docker", "image", "inspect", image], ["docker", "pull", "--quiet", image]):
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
    pytest.skip(f"needs the image {image}, which cannot be pulled here")
