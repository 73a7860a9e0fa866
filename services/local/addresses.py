"""Addresses: where a running pipeline can be reached, kept in ``cutis.json`` of its folder."""

import os
import ssl
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from services.local.settings import ElsewhereSettings
from shared.errors import ConfigurationError
from shared.settings import PacsSettings, Settings
from shared.tls import TlsFiles, client_context

_FILE = "cutis.json"


class DicomAddress(BaseModel):
    """A DICOM application entity."""

    model_config = ConfigDict(frozen=True)

    ae_title: str
    host: str
    port: int


class PacsAddress(BaseModel):
    """The PACS: its DICOM side, its DICOMweb side, and the file with the password.

    ``dicomweb_url`` is empty where it has none; ``authorities`` are whom to believe over https.
    """

    model_config = ConfigDict(frozen=True)

    dicom: DicomAddress
    dicomweb_url: str
    username: str = ""
    password_file: Path | None = None
    authorities: Path | None = None

    def verify(self) -> ssl.SSLContext | bool:
        """Return what httpx judges the certificate by; ``ConfigurationError`` if it cannot."""
        if self.authorities is None:
            return True
        return client_context(TlsFiles(authorities=self.authorities))


class Addresses(BaseModel):
    """Everything the commands need to reach a running pipeline. No secrets, only their files."""

    model_config = ConfigDict(frozen=True)

    pid: int
    data: Path
    api: str
    api_key_file: Path | None
    listener: DicomAddress
    pacs: PacsAddress
    orthanc: str | None
    viewer: str | None = None
    redis_port: int
    database_url: str | None
    spool: Path
    scratch: Path

    def log_of(self, name: str) -> str:
        """Say where the log of program ``name`` is."""
        file = self.data / "logs" / f"{name}.log"
        return str(file) if file.parent.is_dir() else f"the log of {name}"

    def is_alive(self) -> bool:
        """Say whether the supervisor that wrote this still runs."""
        return bool(psutil.pid_exists(self.pid))


def write_addresses(addresses: Addresses) -> None:
    """Record ``addresses`` in their data folder, all or nothing."""
    path = addresses.data / _FILE
    temporary = path.with_name(f".{_FILE}.{os.getpid()}")
    temporary.write_text(addresses.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_addresses(data: Path) -> Addresses:
    """Return the addresses of the pipeline that runs in ``data``.

    Raises
    ------
    ConfigurationError
        None runs there.
    """
    found = last_addresses(data)
    if found is None or not found.is_alive():
        raise ConfigurationError(
            f"no pipeline runs in {data}: start one with `cutis up`, or name its folder (--data)",
            code="not-running",
        )
    return found


def addresses_elsewhere(own: ElsewhereSettings, settings: Settings) -> Addresses:
    """Return the addresses of a pipeline that only the environment tells of."""
    pacs = given_pacs()
    return Addresses(
        pid=os.getpid(),
        data=settings.spool.parent,
        api=own.api_url.rstrip("/"),
        api_key_file=own.api_key_file,
        listener=DicomAddress(
            ae_title=settings.ae_title, host=own.listener_host, port=own.listener_port
        ),
        pacs=pacs,
        orthanc=own.orthanc_url or None,
        viewer=own.viewer_url or None,
        redis_port=0,
        database_url=None,
        spool=settings.spool,
        scratch=settings.spool.parent,
    )


def given_pacs() -> PacsAddress:
    """Return the PACS that the environment tells of."""
    given = PacsSettings()
    return PacsAddress(
        dicom=DicomAddress(ae_title=given.ae_title, host=given.host, port=given.port),
        dicomweb_url=given.dicomweb_url,
        username=given.username,
        password_file=given.password_file,
        authorities=given.tls_authorities,
    )


def last_addresses(data: Path) -> Addresses | None:
    """Return what the last pipeline in ``data`` recorded, running or not; ``None`` if nothing."""
    try:
        return Addresses.model_validate_json((data / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def remove_addresses(data: Path) -> None:
    """Forget the addresses: nothing runs there any more."""
    (data / _FILE).unlink(missing_ok=True)
