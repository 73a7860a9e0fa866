"""Orthanc: the PACS of the local pipeline, with its own ports, files and user."""

import glob
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template

from services.local.addresses import DicomAddress, PacsAddress
from services.local.child import Program
from services.local.ready import TOOL_AE_TITLE, page_answers
from services.local.secret_files import read_secret, write_private
from services.local.settings import search_path
from shared.errors import ConfigurationError

USERNAME = "cutis"
AE_TITLE = "ORTHANC"
TEMPLATES = Path(__file__).parents[2] / "deploy" / "orthanc"
_PLUGINS = (
    "/usr/lib/orthanc/libOrthancDicomWeb.so*",
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so*",
    "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so*",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrthancPlan:
    """Where our Orthanc lives and whom it sends studies to."""

    folder: Path
    http_port: int
    dicom_port: int
    password_file: Path
    listener: DicomAddress
    stable_seconds: int

    @property
    def url(self) -> str:
        """The address of Orthanc's own REST API and page."""
        return f"http://127.0.0.1:{self.http_port}"

    def pacs(self) -> PacsAddress:
        """Return Orthanc as the PACS that results go to."""
        return PacsAddress(
            dicom=DicomAddress(ae_title=AE_TITLE, host="127.0.0.1", port=self.dicom_port),
            dicomweb_url=f"{self.url}/dicom-web",
            username=USERNAME,
            password_file=self.password_file,
        )


def orthanc_program(plan: OrthancPlan, environment: dict[str, str]) -> Program:
    """Return Orthanc, configured from ``deploy/orthanc`` for this machine.

    Raises
    ------
    ConfigurationError
        Orthanc or its DICOMweb plug-in is not installed, or the template is not there.
    """
    executable = shutil.which("Orthanc", path=search_path())
    if executable is None:
        raise ConfigurationError(
            "no Orthanc: install orthanc and orthanc-dicomweb, or use --no-orthanc",
            code="no-orthanc",
        )
    plan.folder.mkdir(parents=True, exist_ok=True)
    configuration = write_private(plan.folder / "orthanc.json", render(plan))
    auth = (USERNAME, read_secret(plan.password_file))
    return Program(
        name="orthanc",
        command=(executable, str(configuration)),
        environment=environment,
        is_ready=lambda _pid: page_answers(f"{plan.url}/dicom-web/studies?limit=1", auth),
    )


def render(plan: OrthancPlan) -> str:
    """Return the configuration of ``plan`` as JSON.

    Raises
    ------
    ConfigurationError
        The template or the DICOMweb plug-in is not there.
    """
    template = TEMPLATES / "orthanc.json"
    if not template.is_file():
        raise ConfigurationError(f"no Orthanc template: {template} is missing")
    values: dict[str, str | int] = {
        "ORTHANC_AE_TITLE": AE_TITLE,
        "ORTHANC_STORAGE": str(plan.folder / "db"),
        "ORTHANC_HTTP_PORT": plan.http_port,
        "ORTHANC_DICOM_PORT": plan.dicom_port,
        "ORTHANC_USERNAME": USERNAME,
        "ORTHANC_PASSWORD": read_secret(plan.password_file),
        "ORTHANC_STABLE_AGE": plan.stable_seconds,
        "ORTHANC_AUTOROUTE": str(TEMPLATES / "autoroute.lua"),
        "ORTHANC_DICOMWEB_PLUGIN": _plugin(),
        "CUTIS_AE_TITLE": plan.listener.ae_title,
        "TOOLS_AE_TITLE": TOOL_AE_TITLE,
        "CUTIS_HOST": plan.listener.host,
        "CUTIS_PORT": plan.listener.port,
    }
    try:
        return Template(template.read_text(encoding="utf-8")).substitute(
            {name: json.dumps(value).strip('"') for name, value in values.items()}
        )
    except KeyError as error:
        raise ConfigurationError(f"Orthanc template asks for {error}, nobody gives it") from error


def _plugin() -> str:
    for pattern in _PLUGINS:
        found = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern is absolute
        if found:
            return found[-1]
    raise ConfigurationError(
        "no DICOMweb plug-in for Orthanc: install orthanc-dicomweb", code="no-dicomweb"
    )
