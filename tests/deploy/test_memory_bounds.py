"""What bounds a process is below its container's limit: else the kernel ends it without a word.

Of the writer's container there are two such processes, it and its decoder (ADR 17); of a worker's
the models at work. The rest of what is in it was measured (docs/operations.md, sizing).
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from services.listener.settings import ListenerSettings
from services.writer.settings import WriterSettings
from tests.deploy.chart import MATRIX, Manifest, RefusedError, containers_of, pods_of, render

GIB = 2**30
WRITER, ACTOR = "CUTIS_WRITER_MEMORY_BYTES", "CUTIS_WORKER_ACTOR_MEMORY_BYTES"
BESIDE_MODELS = 2 * GIB
STACKS_AT_ONCE = 3051 * 2**20
"""Measured in the writer: two stacks of 500 frames of 500 x 1200."""
CHART_VALUES = Path(__file__).parents[2] / "deploy/helm/cutis/values.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docker-compose.yml").read_text()
)


@pytest.mark.helm
@pytest.mark.parametrize("name", MATRIX)
def test_every_bound_of_the_chart_leaves_room_under_its_limit(name: str, tmp_path: Path) -> None:
    pods = pods_of(render(MATRIX[name], tmp_path))
    writer, worker = _container(pods, "writer"), _container(pods, "worker")
    assert 2 * _bound(writer, WRITER) <= 0.8 * _limit(writer)
    ray = [one for key in pods if "/cutis-ray/" in key for one in containers_of(pods[key])]
    limit, at_work = _limit(worker), int(_value(worker, "CUTIS_WORKER_CONCURRENCY"))
    if ray:  # the models are there, those of a driver on one node at worst
        limit, at_work = next(_limit(one) for one in ray if one["name"] == "ray-worker"), 4
    assert at_work * _bound(worker, ACTOR) + BESIDE_MODELS <= limit


@pytest.mark.helm
@pytest.mark.parametrize(
    ("limit", "bound"),
    [
        ("8Gi", 8 * GIB * 2 // 5),
        ("1.5Gi", 3 * GIB // 5),
        ("6144Mi", 6 * GIB * 2 // 5),
        ("5G", 2 * 10**9),
        (5 * 10**9, 2 * 10**9),
    ],
)
def test_the_bound_follows_the_limit(limit: str | int, bound: int, tmp_path: Path) -> None:
    values = {"writer": {"resources": {"limits": {"memory": limit}}}}
    assert _bound(_container(pods_of(render(values, tmp_path)), "writer"), WRITER) == bound


@pytest.mark.helm
@pytest.mark.parametrize(("concurrency", "models"), [(1, 1), (4, 4), (8, 4)])
def test_the_models_at_work_share_what_is_left(
    concurrency: int, models: int, tmp_path: Path
) -> None:
    pods = pods_of(render({"worker": {"concurrency": concurrency}}, tmp_path))
    assert _bound(_container(pods, "worker"), ACTOR) == 6 * GIB // models


@pytest.mark.helm
def test_without_a_limit_or_with_a_number_of_the_sites_the_chart_says_nothing(
    tmp_path: Path,
) -> None:
    free = {name: {"resources": {"limits": {"memory": None}}} for name in ("writer", "worker")}
    own = {"settings": {WRITER: "1073741824", ACTOR: "1073741824"}}
    for values in (free, own):
        pods = pods_of(render(values, tmp_path))
        for name in ("writer", "worker"):
            container = _container(pods, name)
            assert not {WRITER, ACTOR} & {one["name"] for one in container["env"]}


@pytest.mark.helm
@pytest.mark.parametrize(
    ("component", "limit", "says"),
    [
        ("writer", "much", "writer.resources.limits.memory"),
        ("writer", "8GB", "no amount of memory"),
        ("worker", "2Gi", "too little"),
    ],
)
def test_a_limit_that_cannot_work_is_refused(
    component: str, limit: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError) as refused:
        render({component: {"resources": {"limits": {"memory": limit}}}}, tmp_path)
    assert says in refused.value.reason


def test_every_bound_of_compose_leaves_room_under_its_limit() -> None:
    limit, bound = _of_compose("writer", WRITER)
    assert 2 * bound <= 0.8 * limit
    assert bound >= STACKS_AT_ONCE
    limit, bound = _of_compose("worker", ACTOR)
    assert 2 * bound + BESIDE_MODELS <= limit


def test_without_a_container_the_writer_is_bounded_too() -> None:
    assert WriterSettings().memory_bytes >= STACKS_AT_ONCE


def _of_compose(service: str, variable: str) -> tuple[int, int]:
    """Return the limit of a service and the bound of its processes, as they are by default."""
    own = COMPOSE["services"][service]
    limit = re.fullmatch(r"\$\{CUTIS_[A-Z]+_MEMORY:-(\d+)g\}", own["mem_limit"])
    bound = re.fullmatch(rf"\$\{{{variable}:-(\d+)\}}", own["environment"][variable])
    assert limit is not None
    assert bound is not None
    return int(limit[1]) * GIB, int(bound[1])


def _container(pods: dict[str, Manifest], name: str) -> Manifest:
    every: list[Manifest] = [one for pod in pods.values() for one in pod["spec"]["containers"]]
    (found,) = [one for one in every if one["name"] == name]
    return found


def _value(container: Manifest, variable: str) -> str:
    (found,) = [one["value"] for one in container["env"] if one["name"] == variable]
    return str(found)


def _bound(container: Manifest, variable: str) -> int:
    return int(_value(container, variable))


def _limit(container: Manifest) -> int:
    found = re.fullmatch(r"(\d+)Gi", container["resources"]["limits"]["memory"])
    assert found is not None
    return int(found[1]) * GIB


def test_what_the_listener_holds_leaves_room_under_its_limit() -> None:
    # The rest was 90 MiB after some dozen studies (docs/operations.md, sizing).
    own, chart = ListenerSettings(), yaml.safe_load(CHART_VALUES.read_text())["listener"]
    assert own.memory_bytes >= 2 * own.max_instance_bytes
    assert chart["resources"]["limits"]["memory"] == "1Gi"
    assert COMPOSE["services"]["listener"]["mem_limit"] == "${CUTIS_LISTENER_MEMORY:-1g}"
    assert own.memory_bytes + 300 * 2**20 <= GIB


def test_an_instance_may_not_be_larger_than_half_the_memory() -> None:
    with pytest.raises(ValidationError, match="twice"):
        ListenerSettings(max_instance_bytes=GIB)
