"""A real Orthanc, the viewer that ``cutis viewer`` serves over it, and a browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from services.local.addresses import Addresses, DicomAddress, PacsAddress, write_addresses
from services.local.secret_files import write_private
from tests.browser.ohif import ARGUMENTS, SIZE
from tests.orthanc import OrthancServer

OUTPUT = Path(__file__).parents[2] / "browser-output"
"""Where the screenshots are left for people; git-ignored."""


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="session")
def viewer_url(orthanc: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run ``cutis viewer`` over Orthanc; give the template of a result's address."""
    data = tmp_path_factory.mktemp("data")
    leave_addresses(data, orthanc)
    command = [sys.executable, "-m", "services.cli", "viewer", "--data", str(data)]
    with (data / "viewer.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (data / "viewer.log").read_text()
    yield str(json.loads(line)["viewer_url"])
    process.terminate()
    process.stdout.close()
    assert process.wait(30) == 0


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserContext]:
    """Start the system's Chromium, one profile for all pages, so that scripts load once."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("needs Chromium (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        browser.close()


def leave_addresses(data: Path, orthanc: OrthancServer) -> None:
    pacs = orthanc.pacs_settings()
    dicom = DicomAddress(ae_title=orthanc.ae_title, host="127.0.0.1", port=orthanc.dicom_port)
    write_addresses(
        Addresses(
            pid=os.getpid(),
            data=data,
            api="http://127.0.0.1:9",
            api_key_file=data / "key",
            listener=dicom,
            pacs=PacsAddress(
                dicom=dicom,
                dicomweb_url=pacs.dicomweb_url,
                username=pacs.username,
                password_file=write_private(data / "password", pacs.secret()),
            ),
            orthanc=orthanc.url,
            redis_port=9,
            database_url=None,
            spool=data,
            scratch=data,
        )
    )
