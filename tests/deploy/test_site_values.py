"""What a site chooses: its authorities, addresses, GPUs; and the values of the documentation."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import (
    CHART,
    MATRIX,
    Manifest,
    RefusedError,
    containers_of,
    pods_of,
    render,
)
from workers.runtime.settings import WorkerSettings

pytestmark = pytest.mark.helm

ROOT = CHART.parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
LONGEST_JOB_SECONDS = 900
ACTOR_STARTS_SECONDS = int(WorkerSettings().start_seconds)
_BELIEVED = ("PGSSLROOTCERT", "SSL_CERT_FILE", "CUTIS_PACS_TLS_AUTHORITIES")


def documented() -> Manifest:
    """Return the values that docs/operations.md gives as an example of a site's."""
    part = OPERATIONS.split("## A cluster, with Helm")[1].split("\n## ")[0]
    (block,) = re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)
    values: Manifest = yaml.safe_load(block)
    return values


def variables(container: Manifest) -> dict[str, str]:
    return {one["name"]: str(one.get("value", "")) for one in container.get("env", ())}


def ours(objects: list[Manifest]) -> dict[str, Manifest]:
    """Return the pods that ask for the database: all of ours but Ray's nodes."""
    return {
        name: pod
        for name, pod in pods_of(objects).items()
        if "CUTIS_DATABASE_PASSWORD_FILE" in str(pod)
    }


def worker_of(values: Manifest, folder: Path) -> Manifest:
    (found,) = [
        pod
        for name, pod in pods_of(render(values, folder)).items()
        if name == "Deployment/cutis-worker"
    ]
    return found


def ports_to(objects: list[Manifest], name: str) -> set[int]:
    (policy,) = [
        one
        for one in objects
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == f"cutis-{name}"
    ]
    return {port["port"] for rule in policy["spec"]["egress"] for port in rule.get("ports", ())}


def test_the_values_of_the_documentation_let_every_container_believe_the_sites_authorities(
    tmp_path: Path,
) -> None:
    values = documented()
    pods = ours(render(values, tmp_path))

    assert {name.partition("/")[0] for name in pods} == {"Job", "Pod", "Deployment", "StatefulSet"}
    for name, pod in pods.items():
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        for container in containers_of(pod):
            told = variables(container)
            where = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
            for variable in _BELIEVED:
                assert told[variable] == f"{where['authorities']}/ca.crt", (name, variable)
        wanted = values["certificateAuthorities"]["existingConfigMap"]
        assert volumes["authorities"]["configMap"]["name"] == wanted, name


def test_the_values_of_the_documentation_let_in_the_pacs_and_the_chart_s_own_test(
    tmp_path: Path,
) -> None:
    values = documented()
    (settings,) = [one["data"] for one in render(values, tmp_path) if one["kind"] == "ConfigMap"]

    allowed = settings["CUTIS_LISTENER_ALLOWED_AE_TITLES"].split(",")
    assert {settings["CUTIS_PACS_AE_TITLE"], "CUTIS_TOOLS"} <= set(allowed)
    assert len(settings["CUTIS_LISTENER_ALLOWED_ADDRESSES"].split(",")) > 1, "the pods' too"


def test_without_authorities_of_the_site_libpq_believes_those_of_the_image(tmp_path: Path) -> None:
    for pod in ours(render(MATRIX["external"], tmp_path)).values():
        for container in containers_of(pod):
            told = variables(container)
            assert told["PGSSLROOTCERT"] == "/etc/ssl/certs/ca-certificates.crt"
            assert "CUTIS_PACS_TLS_AUTHORITIES" not in told


def test_a_database_without_tls_is_asked_for_no_certificate(tmp_path: Path) -> None:
    text = str(render({}, tmp_path))

    assert [one for one in _BELIEVED if one in text] == []


@pytest.mark.parametrize(
    ("name", "values", "ports"),
    [
        ("to-redis", MATRIX["external"], {6380}),
        (
            "to-redis",
            {**MATRIX["external"], "externalRedis": {"url": "redis://r/0", "existingSecret": "s"}},
            {6379},
        ),
        ("to-pacs", {}, {4242, 8042}),
        ("to-pacs", MATRIX["external"], {4242}),
        (
            "to-pacs",
            {
                "externalPacs": {
                    "port": 11112,
                    "dicomwebUrl": "https://pacs.example:8443/dcm4chee-arc/aets/DCM4CHEE/rs",
                    "webPorts": [8080],
                }
            },
            {11112, 8443, 8080},
        ),
        (
            "to-pacs",
            {
                "externalPacs": {
                    "dicomwebUrl": "https://pacs.example/dicom-web",
                    "orthancUrl": "http://[fd00::7]",
                }
            },
            {4242, 443, 80},
        ),
        ("ray-head", MATRIX["ray-fault-tolerant"], {443, 6443, 6379}),
        (
            "ray-head",
            {
                "ray": {
                    "enabled": True,
                    "gcsFaultTolerance": {
                        "enabled": True,
                        "redisAddress": "redis.example:6400",
                        "existingSecret": "s",
                    },
                }
            },
            {443, 6443, 6400},
        ),
    ],
)
def test_the_network_lets_us_go_where_the_addresses_say(
    name: str, values: Manifest, ports: set[int], tmp_path: Path
) -> None:
    assert ports_to(render(values, tmp_path), name) == ports


def test_an_address_without_a_scheme_is_refused(tmp_path: Path) -> None:
    values: Any = {"externalPacs": {"dicomwebUrl": "pacs.example/dicom-web"}}
    with pytest.raises(RefusedError) as refused:
        render(values, tmp_path)

    assert "pacs.example/dicom-web" in refused.value.reason


def test_a_number_among_the_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        render({"settings": {"CUTIS_SPOOL_MAX_BYTES": 500_000_000_000}}, tmp_path)

    assert "CUTIS_SPOOL_MAX_BYTES" in refused.value.reason


def test_what_the_site_says_of_the_networks_exits_holds_for_every_pod_of_ours(
    tmp_path: Path,
) -> None:
    objects = render(MATRIX["closed-network"], tmp_path)
    (policy,) = [one for one in objects if one["metadata"]["name"] == "cutis-extra"]

    chosen = policy["spec"]["podSelector"]["matchLabels"].items()
    assert policy["spec"]["egress"] == MATRIX["closed-network"]["networkPolicy"]["extraEgress"]
    assert all(chosen <= pod["metadata"]["labels"].items() for pod in ours(objects).values())


@pytest.mark.parametrize(
    ("name", "tag"),
    [("default", "0.1.0"), ("gpu", "0.1.0-cuda"), ("ray", "0.1.0-cuda"), ("ray-on-cpu", "0.1.0")],
)
def test_who_has_a_gpu_gets_the_image_for_it(name: str, tag: str, tmp_path: Path) -> None:
    images = {
        container["image"]
        for pod in pods_of(render(MATRIX[name], tmp_path)).values()
        for container in containers_of(pod)
        if "worker" in container["image"]
    }

    assert images == {f"cutis-worker:{tag}"}


def test_a_tag_of_the_sites_is_kept_with_a_gpu_too(tmp_path: Path) -> None:
    own = {"image": {"worker": {"tag": "0.1.0-site"}}, "worker": {"gpu": {"enabled": True}}}

    (container,) = worker_of(own, tmp_path)["spec"]["containers"]
    assert container["image"] == "cutis-worker:0.1.0-site"


def test_a_worker_with_a_gpu_may_run_on_the_nodes_that_have_one(tmp_path: Path) -> None:
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    mine = {"key": "skin", "operator": "Exists"}
    values = {"worker": {"gpu": {"enabled": True}, "tolerations": [mine]}}

    assert worker_of(values, tmp_path)["spec"]["tolerations"] == [mine, gpu]
    assert "tolerations" not in worker_of({}, tmp_path)["spec"]


@pytest.mark.parametrize("name", ["default", "ray"])
def test_a_worker_may_end_a_job_whose_model_starts_late(name: str, tmp_path: Path) -> None:
    pod = worker_of(MATRIX[name], tmp_path)
    told = variables(pod["spec"]["containers"][0])
    starts = int(told.get("CUTIS_WORKER_START_SECONDS", ACTOR_STARTS_SECONDS))

    assert pod["spec"]["terminationGracePeriodSeconds"] > starts + LONGEST_JOB_SECONDS
    assert starts >= 600 or name == "default", "a node with a GPU takes minutes"


def test_the_api_reads_the_spool_and_no_more(tmp_path: Path) -> None:
    for name, pod in ours(render({}, tmp_path)).items():
        (container,) = pod["spec"]["containers"]
        for mount in container["volumeMounts"]:
            if mount["name"] == "spool":
                assert mount.get("readOnly", False) is (name == "Deployment/cutis-api")


def test_the_ray_of_the_cluster_is_the_ray_of_the_image() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    pins = (ROOT / "constraints.txt").read_text().splitlines()

    assert f"ray=={values['ray']['version']}" in pins
