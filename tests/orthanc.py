"""Orthanc: a real PACS with DICOMweb for integration tests, on free loopback ports.

Usage::

    with OrthancServer(tmp_path) as orthanc:
        orthanc.pacs_settings()      # what Cutis needs to store there
        orthanc.rest("/instances")   # Orthanc's own REST API

``options`` overrides or adds top-level keys of Orthanc's configuration (e.g. ``Lua`` scripts or
``DicomModalities``); they may use the ports once the object exists.
"""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest
import requests
from pydantic import SecretStr

from shared.settings import PacsSettings

_USER, _PASSWORD = "cutis", "secret-of-the-test"
_PLUGINS = (
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so",
)


def require_orthanc() -> tuple[str, str]:
    """Return the paths of Orthanc and its DICOMweb plugin, or skip the test."""
    program = shutil.which("Orthanc")
    plugin = next((one for one in _PLUGINS if Path(one).exists()), None)
    if program is None or plugin is None:
        pytest.skip("needs Orthanc with DICOMweb (apt install orthanc orthanc-dicomweb)")
    return program, plugin


def free_port() -> int:
    """Return a TCP port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class OrthancServer:
    """One Orthanc process with its own storage below ``folder``."""

    def __init__(
        self, folder: Path, *, ae_title: str = "ORTHANC", options: dict[str, Any] | None = None
    ) -> None:
        self._program, self._plugin = require_orthanc()
        self._folder = folder / "orthanc"
        self.ae_title = ae_title
        self.http_port, self.dicom_port = free_port(), free_port()
        self.options = dict(options or {})
        self.login = (_USER, _PASSWORD)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address of the REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        """Start, and return once it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")
        with (self._folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(configuration)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"Orthanc did not start:\n{self.log()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return what Orthanc has logged."""
        return (self._folder / "orthanc.log").read_text(encoding="utf-8", errors="replace")

    def rest(self, path: str) -> Any:
        """Return the answer of Orthanc's REST API to GET ``path``."""
        response = requests.get(self.url + path, auth=self.login, timeout=30)
        response.raise_for_status()
        return response.json()

    def upload(self, content: bytes) -> None:
        """Put an instance in, past Cutis."""
        response = requests.post(
            f"{self.url}/instances", data=content, auth=(_USER, _PASSWORD), timeout=30
        )
        response.raise_for_status()

    def instance(self, sop_instance_uid: str) -> bytes | None:
        """Return the file of one instance as Orthanc holds it, or ``None``."""
        found = requests.post(
            f"{self.url}/tools/lookup",
            data=sop_instance_uid,
            auth=(_USER, _PASSWORD),
            timeout=30,
        ).json()
        if not found:
            return None
        path = f"/instances/{found[0]['ID']}/file"
        return requests.get(self.url + path, auth=(_USER, _PASSWORD), timeout=30).content

    def pacs_settings(
        self, store_by: Literal["stow", "c-store"] = "stow", **changes: Any
    ) -> PacsSettings:
        """Return the settings with which Cutis stores here."""
        values: dict[str, Any] = {
            "store_by": store_by,
            "dicomweb_url": f"{self.url}/dicom-web",
            "username": _USER,
            "password": SecretStr(_PASSWORD),
            "ae_title": self.ae_title,
            "host": "127.0.0.1",
            "port": self.dicom_port,
            "timeout_seconds": 20.0,
        }
        return PacsSettings(**{**values, **changes})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _configuration(self) -> dict[str, Any]:
        storage = str(self._folder / "storage")
        return {
            "Name": "test",
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "Plugins": [self._plugin],
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": self.ae_title,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True,
            "DicomCheckCalledAet": False,
            "UnknownSopClassAccepted": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {_USER: _PASSWORD},
            "OverwriteInstances": False,
            "StableAge": 1,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self.options,
        }

    def _answers(self) -> bool:
        try:
            self.rest("/system")
        except requests.RequestException:
            return False
        return True
