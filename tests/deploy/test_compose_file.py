"""docker-compose.yml, read as a file: what every service in it must be."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.local.ohif import INTEGRITY, VERSION
from workers.runtime.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STAYING = {name: one for name, one in SERVICES.items() if one["restart"] != "no"}
LONGEST_JOB_SECONDS = 900
ACTOR_STARTS_SECONDS = int(WorkerSettings().start_seconds)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_closed(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is (name != "orthanc")  # that image writes while it starts
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert not any("docker.sock" in str(one) for one in service.get("volumes", ()))


@pytest.mark.parametrize("name", STAYING)
def test_every_container_that_stays_has_a_health_check(name: str) -> None:
    assert STAYING[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_tag_that_stays_what_it_is(name: str) -> None:
    tag = SERVICES[name]["image"].replace("${CUTIS_VERSION:-0.1.0}", "0.1.0").rpartition(":")[2]

    assert tag[0].isdigit() or tag.startswith("v")


@pytest.mark.parametrize("name", SERVICES)
def test_only_dicom_is_published_beyond_this_host(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        inside = port.rpartition(":")[2]
        assert inside in {"4242", "11112"} or port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_is_in_the_environment(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    telling = [one for one in environment if "PASSWORD" in one or "KEY" in one or "TOKEN" in one]

    assert [one for one in telling if not one.endswith("_FILE")] == []


def test_database_and_broker_are_reached_from_inside_only() -> None:
    inside = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}

    for name in ("postgres", "redis"):
        assert set(SERVICES[name]["networks"]) <= inside
        assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", ["worker", "worker-gpu"])
def test_a_worker_is_given_longer_than_the_longest_job(name: str) -> None:
    grace = SERVICES[name]["stop_grace_period"]

    assert grace.endswith("m")
    assert int(grace[:-1]) * 60 > ACTOR_STARTS_SECONDS + LONGEST_JOB_SECONDS


@pytest.mark.parametrize("name", ["listener", "dispatcher", "writer", "worker", "api"])
def test_nothing_of_ours_starts_before_the_schema_is_there(name: str) -> None:
    after = SERVICES[name]["depends_on"]

    assert after["migrate"] == {"condition": "service_completed_successfully"}
    assert after["redis"] == {"condition": "service_healthy"}


def test_every_file_that_is_mounted_is_in_the_repository() -> None:
    files = [one["file"] for one in COMPOSE["configs"].values()]
    named = [one.removeprefix("${CUTIS_ORTHANC_SITE:-").removesuffix("}") for one in files]

    assert [one for one in named if not (ROOT / one).is_file()] == []


def test_every_secret_is_made_by_the_one_command_or_lies_in_the_repository() -> None:
    made = (ROOT / "deploy" / "secrets.sh").read_text()
    for one in COMPOSE["secrets"].values():
        if own := re.fullmatch(r"\$\{CUTIS_SECRETS:-secrets\}/(.+)", one["file"]):
            assert re.search(rf"\b{re.escape(own[1])}\b", made), one["file"]
        else:
            assert (ROOT / one["file"].partition(":-")[2].removesuffix("}")).is_file()


def test_every_variable_of_the_file_is_in_the_example_of_its_settings() -> None:
    files = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose" / "pacs.yml")
    named = set(re.findall(r"\$\{(CUTIS_[A-Z_]+)", "".join(one.read_text() for one in files)))
    shown = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert named - shown - {"CUTIS_REVISION"} == set()
    assert shown - named == {"COMPOSE_PROFILES", "COMPOSE_FILE"}


def test_the_viewers_image_holds_the_viewer_we_tested() -> None:
    text = (ROOT / "deploy" / "docker" / "viewer.Dockerfile").read_text()
    digest = base64.b64decode(INTEGRITY.removeprefix("sha512-")).hex()

    assert f"ARG OHIF_VERSION={VERSION}\n" in text
    assert f"ARG OHIF_SHA512={digest}\n" in text


def test_prometheus_asks_the_api_where_it_listens_with_the_key_it_is_given() -> None:
    told = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus.yml").read_text())
    (scraped,) = told["scrape_configs"]
    host, port = scraped["static_configs"][0]["targets"][0].split(":")

    assert str(SERVICES[host]["environment"]["CUTIS_API_PORT"]) == port
    assert host in SERVICES["api"]["environment"]["CUTIS_API_ALLOWED_HOSTS"]
    key = scraped["authorization"]["credentials_file"].removeprefix("/run/secrets/")
    assert key in SERVICES["prometheus"]["secrets"]
    mounted = {one["target"] for one in SERVICES["prometheus"]["configs"]}
    assert set(told["rule_files"]) <= mounted


def test_grafana_is_given_the_dashboard_and_where_its_figures_are() -> None:
    folder = ROOT / "deploy" / "compose" / "grafana"
    (source,) = yaml.safe_load((folder / "datasource.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    targets = [one["target"] for one in SERVICES["grafana"]["configs"]]
    dashboard = json.loads((ROOT / COMPOSE["configs"]["dashboard"]["file"]).read_text())

    assert source["url"] == "http://prometheus:9090"
    assert any(one.startswith(provider["options"]["path"]) for one in targets)
    assert dashboard["panels"]
