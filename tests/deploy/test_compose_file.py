"""docker-compose.yml, read as a file: what every service in it must be."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STAYING = {name: one for name, one in SERVICES.items() if one["restart"] != "no"}
LONGEST_JOB_SECONDS = 900


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_closed(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
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
    assert int(grace[:-1]) * 60 > LONGEST_JOB_SECONDS


@pytest.mark.parametrize("name", ["listener", "dispatcher", "writer", "worker", "api"])
def test_nothing_of_ours_starts_before_the_schema_is_there(name: str) -> None:
    after = SERVICES[name]["depends_on"]

    assert after["migrate"] == {"condition": "service_completed_successfully"}
    assert after["redis"] == {"condition": "service_healthy"}


def test_every_file_that_is_mounted_is_in_the_repository() -> None:
    files = [one["file"] for one in COMPOSE["configs"].values()]
    named = [one.removeprefix("${CUTIS_ORTHANC_SITE:-").removesuffix("}") for one in files]

    assert [one for one in named if not (ROOT / one).is_file()] == []
