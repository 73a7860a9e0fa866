"""What Compose itself makes of our files: `docker compose config`, which needs no engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.local.ready import echo_status
from tests.deploy.stack import ROOT
from tests.orthanc import OrthancServer

OWN_PACS = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose" / "pacs.yml")
PAGE = (ROOT / "docs" / "operations.md").read_text()
OF_A_SITE = {"CUTIS_PACS_AE_TITLE": "PACS", "CUTIS_PACS_HOST": "pacs.example"}


def part_of(heading: str) -> str:
    """Return what docs/operations.md says below ``heading``, up to the next one."""
    return re.split(r"\n#+ ", PAGE.split(f"{heading}\n", maxsplit=1)[1])[0]


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def configured(folder: Path, *files: Path, profiles: str = "") -> dict[str, Any]:
    """Return the whole configuration with ``folder`` as the place of .env and cutis.env."""
    if shutil.which("docker") is None:
        pytest.skip("needs docker compose")
    command = ["docker", "compose", "--project-directory", str(folder)]
    for file in files:
        command += ["--file", str(file)]
    ended = subprocess.run(
        [*command, "config", "--format", "json"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "COMPOSE_PROFILES": profiles, **OF_A_SITE},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unknown command" in ended.stderr or "is not a docker command" in ended.stderr:
        pytest.skip("needs docker compose")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_with_a_pacs_of_the_sites_neither_our_orthanc_nor_its_viewer_runs(tmp_path: Path) -> None:
    own = configured(tmp_path, OWN_PACS[0], profiles="cpu,viewer")["services"]
    sites = configured(tmp_path, *OWN_PACS, profiles="cpu,viewer")["services"]

    assert set(own) - set(sites) == {"orthanc", "viewer"}
    assert not [name for name, one in sites.items() if "orthanc" in one.get("depends_on", {})]
    assert sites["writer"]["environment"]["CUTIS_PACS_HOST"] == "pacs.example"


def test_any_setting_reaches_every_process_of_ours(tmp_path: Path) -> None:
    (tmp_path / "cutis.env").write_text("CUTIS_RETENTION_INSTANCES_HOURS=48\nCUTIS_SPOOL=/x\n")

    services = configured(tmp_path, *OWN_PACS, profiles="cpu,tools")["services"]

    told = {
        name for name, one in services.items() if "48" in str(one.get("environment", {}).values())
    }
    assert told == {"api", "dispatcher", "listener", "migrate", "tools", "worker", "writer"}
    assert services["writer"]["environment"]["CUTIS_SPOOL"] == "/var/lib/cutis/spool"


def test_without_that_file_nothing_is_missing(tmp_path: Path) -> None:
    assert "worker-gpu" in configured(tmp_path, OWN_PACS[0], profiles="gpu")["services"]


def test_the_files_of_the_documentation_fit_together(tmp_path: Path) -> None:
    part = part_of("### Settings, and files of your own")
    (settings,), (override,) = blocks(part, "ini"), blocks(part, "yaml")
    (tmp_path / "cutis.env").write_text(settings)
    (tmp_path / "compose.override.yaml").write_text(override)

    services = configured(tmp_path, *OWN_PACS, tmp_path / "compose.override.yaml", profiles="cpu")[
        "services"
    ]

    mounted = {
        name: {volume["target"] for volume in one.get("volumes", ())}
        for name, one in services.items()
    }
    files = re.findall(r"=(/etc/cutis/\S+)", settings)
    assert len(files) > 2
    for name in ("listener", "writer", "dispatcher"):
        environment = services[name]["environment"]
        for variable in (one for one in environment if environment[one] in files):
            needed = {
                "CUTIS_DISPATCHER": {"dispatcher"},
                "CUTIS_LISTENER_": {"listener"},
                "CUTIS_PACS_TLS_": {"listener", "writer"},
            }
            (who,) = [whom for start, whom in needed.items() if variable.startswith(start)]
            path = environment[variable]
            assert name not in who or any(path.startswith(one) for one in mounted[name]), variable
    assert "edge" in services["dispatcher"]["networks"], "the way to a syslog server"


def archives_options() -> dict[str, Any]:
    """Return what docs/operations.md has the Orthanc of an archive be told."""
    (text,) = blocks(part_of("### A second Orthanc, or your own PACS, with Compose"), "json")
    told: dict[str, Any] = json.loads(text)
    return told


def test_what_an_archives_orthanc_is_told_opens_it_to_us() -> None:
    told = archives_options()

    assert told["RemoteAccessAllowed"] is True
    assert told["AuthenticationEnabled"] is True
    assert told["DicomWeb"]["Enable"] is True
    assert set(told["DicomModalities"]) == {"cutis", "cutis-tools"}


@pytest.mark.integration
def test_an_orthanc_takes_it(tmp_path: Path) -> None:
    told = archives_options()
    assert told["LuaScripts"] == ["/etc/orthanc/autoroute.lua"]
    told["LuaScripts"] = [str(ROOT / "deploy" / "orthanc" / "autoroute.lua")]
    server = OrthancServer(tmp_path, ae_title="ARCHIVE", options=told)
    server.login = ("cutis", told["RegisteredUsers"]["cutis"])

    with server:
        assert set(server.rest("/modalities")) == {"cutis", "cutis-tools"}
        page = httpx.get(f"{server.url}/dicom-web/studies", auth=server.login, trust_env=False)
        assert page.status_code == 200
        assert httpx.get(f"{server.url}/system", trust_env=False).status_code == 401
        said = echo_status("127.0.0.1", server.dicom_port, "ARCHIVE")
        assert said == "", "it knows the doctor's title"
