"""Every port of docker-compose.yml, and what a stranger gets there.

Asked are the programs themselves under the settings that Compose gives them, outside containers:
``make compose-test`` asks the published ports of the running stack. The table is docs/security.md.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis as library
from fastapi.testclient import TestClient

from services.api.app import create_app
from services.api.settings import ApiSettings
from services.listener.admission import Admission
from services.listener.settings import ListenerSettings
from services.local.ports import free_ports
from services.local.ready import echo_status
from shared.db.ingest import Sender
from shared.settings import Settings
from tests.database import sqlite_database
from tests.deploy.test_compose_file import COMPOSE, ROOT, SERVICES
from tests.integration.running import until
from tests.orthanc import OrthancServer

UNGATED = {"/healthz", "/readyz"}
"""What the API tells anybody: whether it works, no figures, no names."""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    command = ["sh", str(ROOT / "deploy" / "secrets.sh"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def environment(service: str) -> dict[str, str]:
    """Return the variables of a service, with the values that stand in the file itself."""
    given: dict[str, Any] = SERVICES[service]["environment"]
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(one)) for name, one in given.items()}


def table() -> dict[str, list[str]]:
    """Return the rows of the table in docs/security.md: service and port, and the other cells."""
    text = (ROOT / "docs" / "security.md").read_text()
    part = text.split("## Ports of docker-compose.yml")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.split("\n")
        if "|" in line
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def published() -> dict[str, str]:
    """Return what the file publishes: service and port inside, and where outside."""
    found = {}
    for name, service in SERVICES.items():
        for one in service.get("ports", ()):
            plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", one)
            address, outside, inside = plain.split(":")
            where = "all addresses" if address == "0.0.0.0" else address
            found[f"{name} {inside}"] = f"{where}, port {outside}"
    return found


def test_the_table_lists_what_is_published_and_where() -> None:
    rows = table()

    outside = {name: cells[0] for name, cells in rows.items() if cells[0] != "not published"}
    assert outside == published()
    inside_only = {name.split()[0] for name, cells in rows.items() if cells[0] == "not published"}
    assert inside_only == {"postgres", "redis", "worker"}
    silent = set(SERVICES) - {name.split()[0] for name in rows}
    assert silent == {"migrate", "dispatcher", "writer", "tools", "worker-gpu"}, (
        "they listen to nobody"
    )


def test_redis_answers_nobody_without_a_password(secrets: Path, tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server")
    port = free_ports({"it": 0})["it"]
    text = (ROOT / "deploy" / "compose" / "redis.conf").read_text()
    text = text.replace("port 6379", f"port {port}").replace("dir /data", f"dir {tmp_path}")
    text = text.replace("/run/secrets/redis-users.acl", str(secrets / "redis-users.acl"))
    (tmp_path / "redis.conf").write_text(text)
    command = ["redis-server", str(tmp_path / "redis.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            with library.Redis(port=port) as stranger:
                assert until(lambda: _said(stranger) is not None, 20)
                assert _said(stranger) == "AuthenticationError"
            password = (secrets / "redis").read_text()
            with library.Redis(port=port, username="cutis", password=password) as ours:
                assert ours.ping(), "or the refusal would prove nothing"
        finally:
            process.terminate()


def _said(client: "library.Redis") -> str | None:
    try:
        client.ping()
    except library.AuthenticationError as error:
        return type(error).__name__
    except library.ConnectionError:
        return None
    return "an answer"


@pytest.fixture(scope="module")
def orthanc(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Give an Orthanc with the configuration of Compose, but for its paths and ports."""
    options: dict[str, Any] = {}
    for path in (
        ROOT / "deploy" / "compose" / "orthanc.json",
        ROOT / "deploy" / "compose" / "orthanc-site.json",
        secrets / "orthanc.json",
    ):
        told = json.loads(re.sub(r"^\s*//.*$|\s+//.*$", "", path.read_text(), flags=re.MULTILINE))
        for name, value in told.items():
            both = name in options and isinstance(value, dict)
            options[name] = {**options[name], **value} if both else value
    for name in ("HttpPort", "DicomPort", "LuaScripts"):
        del options[name]
    server = OrthancServer(tmp_path_factory.mktemp("orthanc"))
    server.options = options
    server.login = ("cutis", (secrets / "orthanc").read_text())
    with server:
        yield server


@pytest.mark.integration
@pytest.mark.parametrize(
    "path", ["/", "/system", "/instances", "/dicom-web/studies", "/app/explorer.html"]
)
def test_orthancs_pages_take_its_password(orthanc: OrthancServer, path: str) -> None:
    assert httpx.get(f"{orthanc.url}{path}", trust_env=False).status_code == 401
    assert orthanc.rest("/system")["Name"] == "ORTHANC"


@pytest.mark.integration
def test_orthancs_dicom_port_takes_the_titles_it_knows(orthanc: OrthancServer) -> None:
    def echo(calling: str, called: str = "ORTHANC") -> str:
        return echo_status("127.0.0.1", orthanc.dicom_port, called, calling=calling)

    assert "refused" in echo("STRANGER")
    assert "refused" in echo("CUTIS_TOOLS", called="ANOTHER")
    assert echo("CUTIS_TOOLS") == "", "a title is all it asks for; docs/security.md says so"


@pytest.mark.parametrize(
    ("calling", "address", "reason"),
    [
        ("STRANGER", "10.1.2.3", "calling AE title is not allowed"),
        ("ORTHANC", "203.0.113.5", "address is not allowed"),
        ("ORTHANC", "10.1.2.3", None),
    ],
)
def test_the_listener_takes_known_titles_from_private_addresses(
    calling: str, address: str, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment("listener").items():
        monkeypatch.setenv(name, value)
    own = ListenerSettings()
    admission = Admission(
        ae_title="CUTIS",
        allowed_ae_titles=own.allowed_ae_titles,
        allowed_addresses=own.allowed_addresses,
        max_associations=own.max_associations,
    )
    sender = Sender(calling_ae_title=calling, called_ae_title="CUTIS", peer_address=address)

    refusal = admission.refusal(sender, 0)

    assert (refusal and refusal.reason) == reason


def test_the_api_tells_strangers_only_that_it_lives(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment("api").items():
        if name.startswith("CUTIS_API_"):
            monkeypatch.setenv(name, value.replace("/run/secrets", str(secrets)))
    with sqlite_database(tmp_path) as database:
        settings = Settings(database_url=database.url, spool=tmp_path / "spool")
        app = create_app(database, settings, ApiSettings(), ping_broker=lambda: None)
        client = TestClient(app, base_url="http://127.0.0.1")
        key = {"X-API-Key": (secrets / "api-key").read_text()}
        described = client.get("/api/v1/openapi.json", headers=key).json()["paths"]
        asked = [
            (method, path)
            for path, methods in described.items()
            for method in methods
            if path not in UNGATED
        ] + [("get", "/"), ("get", "/api/v1/openapi.json"), ("get", "/sections/studies")]

        answers = {
            (method, path): client.request(method, re.sub(r"\{\w+\}", "1", path)).status_code
            for method, path in asked
        }

        assert len(answers) > 20
        assert {one: status for one, status in answers.items() if status != 401} == {}
        assert {client.get(path).status_code for path in UNGATED} == {200}
        assert {client.get(path).status_code for path in ("/docs", "/redoc")} == {404}


def test_postgresql_has_a_password_and_is_asked_for_it() -> None:
    """The image's own rule: with POSTGRES_PASSWORD set, every host needs it (scram-sha-256)."""
    given = SERVICES["postgres"]["environment"]

    assert given["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres"
    assert "POSTGRES_HOST_AUTH_METHOD" not in given


def test_the_viewers_pages_are_for_who_has_a_password_of_orthanc() -> None:
    lines = (ROOT / "deploy" / "compose" / "viewer.conf").read_text()
    server = lines[lines.index("server {") :]
    open_places = re.findall(r"location ([^{]+) \{[^}]*?auth_request off;", server)

    assert "    auth_request /_who;" in server.split("location", 1)[0], "for everything"
    assert open_places == ["^~ /dicom-web/", "= /healthz"], "Orthanc asks for its own; no data"
    assert "limit_except GET { deny all; }" in server


def test_grafana_lets_nobody_in_without_its_password() -> None:
    given = SERVICES["grafana"]["environment"]

    assert given["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana"
    assert not [one for one in given if "ANONYMOUS" in one]


def test_ray_and_prometheus_are_reached_from_this_host_only() -> None:
    networks = COMPOSE["networks"]

    assert all(networks[one].get("internal") for one in SERVICES["worker"]["networks"])
    assert [
        one for one in SERVICES["prometheus"]["ports"] if not one.startswith("127.0.0.1:")
    ] == []
