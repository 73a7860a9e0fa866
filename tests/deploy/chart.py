"""Chart: deploy/helm/cutis rendered by Helm with one of many sets of values."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "cutis"
Manifest = dict[str, Any]

_EXTERNAL: Manifest = {
    "postgresql": {"enabled": False},
    "externalPostgresql": {"host": "pg.example", "existingSecret": "site-pg"},
    "redis": {"enabled": False},
    "externalRedis": {"url": "rediss://redis.example:6380/0", "existingSecret": "site-redis"},
    "externalPacs": {
        "storeBy": "c-store",
        "dicomwebUrl": "",
        "host": "pacs.example",
        "username": "cutis",
        "existingSecret": "site-pacs",
    },
    "api": {"existingSecret": "site-api"},
}
_MONITORING: Manifest = {
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    }
}
_RAY: Manifest = {"ray": {"enabled": True}}
_KEDA: Manifest = {"worker": {"keda": {"enabled": True}}}

MATRIX: dict[str, Manifest] = {
    "default": {},
    "external": _EXTERNAL,
    "gpu": {"worker": {"gpu": {"enabled": True, "runtimeClassName": "nvidia"}, "replicas": 2}},
    "authorities": {**_EXTERNAL, "certificateAuthorities": {"existingConfigMap": "site-ca"}},
    "keda": _KEDA,
    "keda-external": {**_EXTERNAL, **_KEDA},
    "ray": _RAY,
    "ray-fault-tolerant": {
        "ray": {
            "enabled": True,
            "existingTokenSecret": "site-ray",
            "gcsFaultTolerance": {
                "enabled": True,
                "redisAddress": "redis.example:6379",
                "existingSecret": "site-ray-redis",
            },
        },
        **_KEDA,
    },
    "ray-on-cpu": {"ray": {"enabled": True, "workers": {"gpu": False, "tolerations": []}}},
    "monitoring": {**_MONITORING, **_RAY},
    "open-network": {"networkPolicy": {"enabled": False}},
    "closed-network": {
        "networkPolicy": {
            "dicomFrom": [{"ipBlock": {"cidr": "10.1.0.0/16"}}],
            "apiFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.0.5/32"}}]}],
        }
    },
    "ingress-and-tls": {
        "api": {"ingress": {"enabled": True, "className": "nginx", "tlsSecret": "site-web"}},
        "listener": {
            "tlsSecret": "site-dicom",
            "tlsClientAuthorities": True,
            "replicas": 2,
            "podDisruptionBudget": True,
        },
    },
    "placed": {
        "fullnameOverride": "skin",
        "imagePullSecrets": [{"name": "site-registry"}],
        "image": {"service": {"digest": f"sha256:{'0' * 64}"}},
        "spool": {"existingClaim": "site-spool"},
        "listener": {
            "service": {"type": "NodePort", "nodePort": 31112},
            "nodeSelector": {"zone": "a"},
            "extraEnv": [{"name": "CUTIS_LISTENER_MAX_ASSOCIATIONS", "value": "8"}],
        },
    },
}
"""Sets of values that a site may well choose."""

WORKLOADS = {"Deployment", "StatefulSet", "Job", "Pod"}


@dataclass(frozen=True)
class RefusedError(Exception):
    """Helm would not render these values; the text says why."""

    reason: str


def require_helm() -> str:
    """Return the path of helm, or skip."""
    found = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
    if found is None:
        pytest.skip("needs helm: make helm-test installs it")
    return found


def render(values: Manifest, folder: Path) -> list[Manifest]:
    """Return every object of the chart with ``values``; raises :class:`RefusedError`."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [require_helm(), "template", "cutis", str(CHART), "--namespace", "skin"]
    ended = subprocess.run(
        [*command, "--values", str(file)], capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise RefusedError(ended.stderr)
    return [one for one in yaml.safe_load_all(ended.stdout) if one]


def pods_of(objects: list[Manifest]) -> dict[str, Manifest]:
    """Return the pod template (metadata and spec) of everything that makes pods, by name."""
    found: dict[str, Manifest] = {}
    for one in objects:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            found[name] = one
        elif one["kind"] in WORKLOADS:
            found[name] = one["spec"]["template"]
        elif one["kind"] == "RayCluster":
            found[f"{name}/head"] = one["spec"]["headGroupSpec"]["template"]
            for group in one["spec"]["workerGroupSpecs"]:
                found[f"{name}/{group['groupName']}"] = group["template"]
    return found


def containers_of(pod: Manifest) -> list[Manifest]:
    """Return the containers of a pod template, those that run first included."""
    first: list[Manifest] = pod["spec"].get("initContainers", [])
    return [*first, *pod["spec"]["containers"]]
