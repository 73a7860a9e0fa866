"""The Helm chart: rendered with many sets of values, validated strictly, and what must hold."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from sqlalchemy import text

from shared.db.engine import Database
from shared.db.migrate import migrate
from tests.database import postgresql_url
from tests.deploy.chart import (
    CHART,
    MATRIX,
    Manifest,
    RefusedError,
    containers_of,
    pods_of,
    render,
    require_helm,
)
from tests.deploy.chart_docs import readme, schema
from tests.deploy.custom_kinds import CUSTOM_KINDS

pytestmark = pytest.mark.helm

KUBERNETES = ("1.31", "1.34")
LONGEST_JOB_SECONDS = 900
_KEY_OF = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
_VOLUMES = {
    "secret": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}
_SITE = re.compile(r"^site-")


@pytest.fixture(scope="module", params=MATRIX)
def objects(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Manifest]:
    require_helm()
    return render(MATRIX[request.param], tmp_path_factory.mktemp("chart"))


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_of_kubernetes_is_valid(objects: list[Manifest], version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")

    for one in objects:
        if one["kind"] not in CUSTOM_KINDS:
            validator.validate(one, version, strict=True)


def test_every_object_of_another_kind_is_valid(objects: list[Manifest]) -> None:
    for one in objects:
        if "." in one["apiVersion"].partition("/")[0] and "k8s.io" not in one["apiVersion"]:
            jsonschema.validate(one, CUSTOM_KINDS[one["kind"]])
    for one in objects:
        if one["kind"] == "RayCluster":
            validator = pytest.importorskip("kubernetes_validate")
            for name, pod in pods_of([one]).items():
                body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}}
                validator.validate({**body, "spec": pod["spec"]}, KUBERNETES[-1], strict=True)
                assert name


def test_every_container_is_closed_and_measured(objects: list[Manifest]) -> None:
    for name, pod in pods_of(objects).items():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        if not name.endswith("/head"):  # the autoscaler there speaks to Kubernetes
            assert pod["spec"]["automountServiceAccountToken"] is False, name
        for container in containers_of(pod):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


def test_every_image_has_a_tag_or_a_digest(objects: list[Manifest]) -> None:
    for name, pod in pods_of(objects).items():
        for container in containers_of(pod):
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            assert tag, name
            assert tag != "latest", name


def test_everything_that_stays_has_all_three_probes(objects: list[Manifest]) -> None:
    staying = [one for one in objects if one["kind"] in {"Deployment", "StatefulSet"}]
    for name, pod in pods_of(staying).items():
        for container in pod["spec"]["containers"]:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name


def test_every_selector_finds_a_pod(objects: list[Manifest]) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods_of(objects).values()]
    for one in objects:
        for wanted in _selectors(one):
            assert any(wanted.items() <= there.items() for there in labels), one["metadata"]


def test_no_two_workloads_share_their_selector(objects: list[Manifest]) -> None:
    workloads = [one for one in objects if one["kind"] in {"Deployment", "StatefulSet"}]
    selectors = [str(one["spec"]["selector"]["matchLabels"]) for one in workloads]

    assert len(selectors) == len(set(selectors))


def test_whatever_is_referred_to_is_there_or_is_the_sites(objects: list[Manifest]) -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    ray = {one["metadata"]["name"] for one in objects if one["kind"] == "RayCluster"}
    for kind, name in _references(objects):
        made_by_kuberay = kind == "Secret" and name in ray
        assert (kind, name) in there or _SITE.match(name) or made_by_kuberay, (kind, name)


def test_keys_of_our_own_secrets_and_maps_are_in_them(objects: list[Manifest]) -> None:
    keys = {one["metadata"]["name"]: set(one["data"]) for one in objects if one["kind"] == "Secret"}
    for pod in pods_of(objects).values():
        for volume in pod["spec"].get("volumes", ()):
            for source in volume.get("projected", {}).get("sources", ()):
                name = source["secret"]["name"]
                for item in source["secret"]["items"]:
                    assert name not in keys or item["key"] in keys[name]


def test_ports_that_the_network_allows_are_ports_of_containers(objects: list[Manifest]) -> None:
    pods = list(pods_of(objects).values())
    for one in objects:
        if one["kind"] != "NetworkPolicy" or one["metadata"]["name"].endswith("-ray"):
            continue
        wanted = one["spec"]["podSelector"]["matchLabels"]
        chosen = [pod for pod in pods if wanted.items() <= pod["metadata"]["labels"].items()]
        open_ports = {
            port["containerPort"]
            for pod in chosen
            for container in pod["spec"]["containers"]
            for port in container.get("ports", ())
        }
        for rule in one["spec"].get("ingress", ()):
            assert {port["port"] for port in rule["ports"]} <= open_ports, one["metadata"]["name"]


def test_services_lead_to_ports_that_are_there(objects: list[Manifest]) -> None:
    pods = list(pods_of(objects).values())
    for one in objects:
        if one["kind"] == "Service":
            wanted = one["spec"]["selector"]
            (pod,) = [one for one in pods if wanted.items() <= one["metadata"]["labels"].items()]
            names = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= names


def test_no_secret_is_in_a_variable_or_a_map(objects: list[Manifest]) -> None:
    secrets = [
        value for one in objects if one["kind"] == "Secret" for value in one["data"].values()
    ]
    rest = yaml.safe_dump([one for one in objects if one["kind"] != "Secret"])

    assert [value for value in secrets if value in rest] == []


def test_a_worker_is_given_longer_than_the_longest_job(objects: list[Manifest]) -> None:
    (worker,) = [pod for name, pod in pods_of(objects).items() if name.endswith("-worker")]

    assert worker["spec"]["terminationGracePeriodSeconds"] > LONGEST_JOB_SECONDS


def test_the_sender_keeps_its_address(objects: list[Manifest]) -> None:
    (service,) = [
        one
        for one in objects
        if one["kind"] == "Service" and one["metadata"]["name"].endswith("-listener")
    ]

    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["spec"]["ports"][0]["protocol"] == "TCP"


def test_whoever_is_scaled_by_keda_has_no_number_of_its_own(tmp_path: Path) -> None:
    worker = _named(render(MATRIX["keda"], tmp_path), "Deployment", "cutis-worker")

    assert "replicas" not in worker["spec"]


def test_what_keda_asks_our_database_can_be_answered(tmp_path: Path) -> None:
    objects = render(MATRIX["keda"], tmp_path)
    trigger = _named(objects, "ScaledObject", "cutis-worker")["spec"]["triggers"][0]
    with postgresql_url(tmp_path / "postgresql") as url:
        database = Database(url)
        migrate(database)
        with database.read() as session:
            assert session.execute(text(trigger["metadata"]["query"])).scalar_one() == 0
        database.dispose()


def test_a_gpu_is_a_limit_under_the_name_that_the_values_say(tmp_path: Path) -> None:
    shared = {"enabled": True, "resource": "nvidia.com/gpu.shared"}
    worker = _named(render({"worker": {"gpu": shared}}, tmp_path), "Deployment", "cutis-worker")

    limits = worker["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu.shared"] == 1


def test_the_migration_is_a_hook_where_the_database_is_there_before_us(tmp_path: Path) -> None:
    job = _named(render(MATRIX["external"], tmp_path), "Job", "cutis-migrate")

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "configMapKeyRef" not in str(job)  # nothing else is there yet


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"wroker": {}}, "wroker"),
        ({"worker": {"replcas": 2}}, "replcas"),
        ({"worker": {"replicas": "two"}}, "replicas"),
        ({"listener": {"service": {"type": "Loadbalancer"}}}, "type"),
        ({"postgresql": {"enabled": False}}, "externalPostgresql"),
        ({"redis": {"enabled": False}}, "externalRedis"),
        ({"ray": {"enabled": True, "gcsFaultTolerance": {"enabled": True}}}, "redisAddress"),
    ],
)
def test_values_that_cannot_work_are_refused(tmp_path: Path, values: Manifest, says: str) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values, tmp_path)

    assert says in refused.value.reason


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("ScaledObject", ("spec", "maxReplicaCnt"), 2),
        ("ScaledObject", ("spec", "maxReplicaCount"), "2"),
        ("RayCluster", ("spec", "authOption"), {}),
        ("ServiceMonitor", ("spec", "endpoint"), []),
    ],
)
def test_the_schemas_of_other_kinds_find_a_slip(
    tmp_path: Path, kind: str, path: tuple[str, str], wrong: Any
) -> None:
    values = {**MATRIX["monitoring"], **MATRIX["keda"]}
    one = next(one for one in render(values, tmp_path) if one["kind"] == kind)
    one[path[0]][path[1]] = wrong

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(one, CUSTOM_KINDS[kind])


def test_readme_and_schema_are_made_from_the_values_of_today() -> None:
    assert (CHART / "README.md").read_text() == readme()
    assert (CHART / "values.schema.json").read_text() == schema()


def test_redis_lets_in_whom_compose_lets_in() -> None:
    compose = CHART.parents[1] / "redis" / "users.acl"

    assert (CHART / "files" / "users.acl").read_text() == compose.read_text()


def _named(objects: list[Manifest], kind: str, name: str) -> Manifest:
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))


def _selectors(one: Manifest) -> list[dict[str, str]]:
    """Return the labels that ``one`` looks for pods by; not those of rules for others."""
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        return [spec["selector"]]
    if one["kind"] in {"Deployment", "StatefulSet", "PodDisruptionBudget", "ServiceMonitor"}:
        return [spec["selector"]["matchLabels"]]
    if one["kind"] == "NetworkPolicy":
        return [spec["podSelector"]["matchLabels"]]
    return []


def _references(objects: list[Manifest]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for pod in pods_of(objects).values():
        for container in containers_of(pod):
            found |= _named_by_variables(container)
        for volume in pod["spec"].get("volumes", ()):
            found |= _named_by_volume(volume)
        found |= {("Secret", one["name"]) for one in pod["spec"].get("imagePullSecrets", ())}
    return found


def _named_by_variables(container: Manifest) -> set[tuple[str, str]]:
    whole = container.get("envFrom", ())
    found = {("ConfigMap", source["configMapRef"]["name"]) for source in whole}
    for variable in container.get("env", ()):
        for field, source in variable.get("valueFrom", {}).items():
            if field in _KEY_OF:
                found.add((_KEY_OF[field], source["name"]))
    return found


def _named_by_volume(volume: Manifest) -> set[tuple[str, str]]:
    sources = volume.get("projected", {}).get("sources", ())
    found = {("Secret", source["secret"]["name"]) for source in sources}
    for field, (kind, name) in _VOLUMES.items():
        if field in volume:
            found.add((kind, volume[field][name]))
    return found
