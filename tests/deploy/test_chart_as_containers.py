"""The chart run without Kubernetes: its pods as containers, its test pod as the judge."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.as_compose import Project, Service
from tests.deploy.chart import Manifest, render
from tests.deploy.stack import ROOT, require_engine

pytestmark = [pytest.mark.helm, pytest.mark.timeout(1800)]

IMAGES = ("cutis-service:0.1.0", "cutis-tools:0.1.0", "cutis-worker:0.1.0")
PASSWORD = "of-a-pacs-that-lives-for-minutes"
VALUES: Manifest = {
    "fullnameOverride": "skin",
    "externalPacs": {"orthancUrl": "http://orthanc:8042"},
    "settings": {"CUTIS_DISPATCHER_QUIET_SECONDS": "3"},
    "selfTest": {"timeoutSeconds": 600},
}


def orthanc(folder: Path) -> Service:
    """Return an Orthanc that knows the chart's listener; the site's part."""
    text = (ROOT / "deploy" / "compose" / "orthanc.json").read_text()
    assert '"Host": "listener"' in text
    configuration = folder / "orthanc.json"
    configuration.write_text(text.replace('"Host": "listener"', '"Host": "skin-listener"'))
    return {
        "image": "orthancteam/orthanc:25.8.0",
        "environment": {
            "DICOM_WEB_PLUGIN_ENABLED": "true",
            "ORTHANC__STABLE_AGE": "3",
            "ORTHANC__AUTHENTICATION_ENABLED": "false",
        },
        "volumes": [
            f"{configuration}:/etc/orthanc/orthanc.json:ro",
            f"{ROOT / 'deploy' / 'orthanc' / 'autoroute.lua'}:/etc/cutis/autoroute.lua:ro",
        ],
    }


@pytest.fixture
def project(tmp_path: Path) -> Iterator[list[str]]:
    require_engine()
    for image in IMAGES:
        command = ["docker", "image", "inspect", image]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip(f"needs the image {image}: make compose-test builds it")
    made = Project(render(VALUES, tmp_path), tmp_path / "files")
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(made.compose({"orthanc": orthanc(tmp_path)}, IMAGES[0])))
    name = f"cutis-chart-{os.getpid()}"
    command = ["docker", "compose", "--project-name", name, "--file", str(file)]
    yield command
    down = [*command, "--profile", "test", "down", "--volumes"]
    subprocess.run(down, capture_output=True, check=True)


def test_the_chart_comes_up_and_its_own_test_passes(project: list[str]) -> None:
    begun = time.monotonic()
    up = subprocess.run([*project, "up", "--detach"], capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stderr[-3000:]
    deadline = begun + 600
    while not _all_healthy(project) and time.monotonic() < deadline:
        time.sleep(2)
    assert _all_healthy(project), _logs(project)
    print(f"\nthe chart's pods are ready as containers after {time.monotonic() - begun:.0f} s")

    tested = subprocess.run(
        [*project, "run", "--rm", "skin-doctor"], capture_output=True, text=True, check=False
    )
    print(tested.stdout)
    assert tested.returncode == 0, tested.stdout[-5000:] + _logs(project)


def _all_healthy(project: list[str]) -> bool:
    ended = subprocess.run(
        [*project, "ps", "--format", "json"], capture_output=True, text=True, check=True
    )
    found = {one["Service"]: one["Health"] for one in map(json.loads, ended.stdout.splitlines())}
    wanted = {f"skin-{name}" for name in ("api", "dispatcher", "listener", "worker", "writer")}
    return wanted <= {name for name, health in found.items() if health == "healthy"}


def _logs(project: list[str]) -> str:
    command = [*project, "logs", "--no-color", "--tail", "8"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout[-8000:]
