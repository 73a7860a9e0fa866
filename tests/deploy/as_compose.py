"""As Compose: rendered manifests as a Compose project, to run a chart where there is no Kubernetes.

Kept: images, commands, users, closed containers, variables, files of secrets and maps, memory
limits, readiness probes, what runs first, names of services. Left out: network policies, scaling,
scheduling.
"""

import base64
from pathlib import Path
from typing import Any

from tests.deploy.chart import Manifest, pods_of

Service = dict[str, Any]
_OWNER = "fs-group"


class Project:
    """Turns ``objects`` into the services of a Compose file; ``folder`` gets files of secrets."""

    def __init__(self, objects: list[Manifest], folder: Path) -> None:
        self._objects = objects
        self._folder = folder
        self._volumes: set[str] = set()
        self._data = {
            (one["kind"], one["metadata"]["name"]): _plain(one)
            for one in objects
            if one["kind"] in {"ConfigMap", "Secret"}
        }

    def compose(self, more: dict[str, Service], owner_image: str) -> Manifest:
        """Return the Compose file, with services of another hand beside ours."""
        services: dict[str, Service] = {}
        for full_name, pod in pods_of(self._objects).items():
            name = full_name.partition("/")[2]
            first = [self._service(name, pod, one) for one in pod["spec"].get("initContainers", ())]
            (container,) = pod["spec"]["containers"]
            service = self._service(name, pod, container)
            service["depends_on"] = {_OWNER: {"condition": "service_completed_successfully"}}
            for number, one in enumerate(first):
                services[f"{name}-first-{number}"] = {
                    **one,
                    "depends_on": dict(service["depends_on"]),
                }
            service["depends_on"] |= {
                f"{name}-first-{number}": {"condition": "service_completed_successfully"}
                for number in range(len(first))
            }
            service["networks"] = {"default": {"aliases": self._aliases(pod)}}
            if full_name.startswith("Pod/"):
                service["profiles"] = ["test"]
            services[name] = service
        services[_OWNER] = self._owner(owner_image)
        return {"services": services | more, "volumes": {name: {} for name in self._volumes}}

    def _service(self, name: str, pod: Manifest, container: Manifest) -> Service:
        context = pod["spec"]["securityContext"]
        service: Service = {
            "image": container["image"],
            "user": f"{context['runAsUser']}:{context['runAsGroup']}",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "init": True,
            "environment": self._environment(name, container),
            "mem_limit": container["resources"]["limits"]["memory"].replace("i", ""),
            **self._mounts(name, pod, container),
        }
        if pod["spec"].get("restartPolicy") == "OnFailure":
            service["restart"] = "on-failure:10"  # a job tries again, as with its backoffLimit
        if "command" in container:  # without, the image's own entry point, as in Kubernetes
            service["entrypoint"] = [_escaped(one) for one in container["command"]]
        if probe := container.get("readinessProbe"):
            service["healthcheck"] = _health_check(probe, container)
        return service

    def _environment(self, name: str, container: Manifest) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            found |= self._data["ConfigMap", source["configMapRef"]["name"]]
        for one in container.get("env", ()):
            given = one.get("valueFrom", {})
            if "configMapKeyRef" in given:
                source = given["configMapKeyRef"]
                found[one["name"]] = self._data["ConfigMap", source["name"]][source["key"]]
            elif "fieldRef" in given:
                found[one["name"]] = name  # the only pod of its name
            else:
                found[one["name"]] = one["value"].replace("$(POD_IP)", name)
        return {key: _escaped(value) for key, value in found.items()}

    def _mounts(self, name: str, pod: Manifest, container: Manifest) -> Service:
        volumes = {one["name"]: one for one in pod["spec"].get("volumes", ())}
        context = pod["spec"]["securityContext"]
        result: Service = {"volumes": [], "tmpfs": []}
        for mount in container.get("volumeMounts", ()):
            path, volume = mount["mountPath"], volumes.get(mount["name"])
            if volume is not None and "emptyDir" in volume:
                if path == "/dev/shm":
                    result["shm_size"] = volume["emptyDir"]["sizeLimit"].replace("i", "")
                else:
                    # As with `fsGroup`: it belongs to who runs there.
                    owner = f"uid={context['runAsUser']},gid={context['runAsGroup']}"
                    result["tmpfs"].append(f"{path}:mode=1777,{owner}")
            elif volume is None or "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"] if volume else f"{name}-data"
                self._volumes.add(claim)
                result["volumes"].append(f"{claim}:{path}")
            else:
                result["volumes"].append(f"{self._files(name, volume)}:{path}:ro")
        return result

    def _files(self, name: str, volume: Manifest) -> Path:
        folder: Path = self._folder / name / volume["name"]
        folder.mkdir(parents=True, exist_ok=True)
        sources = volume.get("projected", {}).get("sources") or [volume]
        for source in sources:
            if "configMap" in source:
                found, items = self._data["ConfigMap", source["configMap"]["name"]], None
            else:
                secret = source["secret"]
                found = self._data["Secret", secret.get("name") or secret["secretName"]]
                items = secret.get("items")
            for item in items or [{"key": key, "path": key} for key in found]:
                (folder / item["path"]).write_text(found[item["key"]])
        return folder

    def _aliases(self, pod: Manifest) -> list[str]:
        labels = pod["metadata"]["labels"]
        return [
            one["metadata"]["name"]
            for one in self._objects
            if one["kind"] == "Service" and one["spec"]["selector"].items() <= labels.items()
        ]

    def _owner(self, image: str) -> Service:
        """Return what the kubelet does for ``fsGroup``: a pod may write its volumes."""
        paths = {claim: f"/volumes/{claim}" for claim in sorted(self._volumes)}
        return {
            "image": image,
            "user": "0:0",
            "entrypoint": ["chmod", "0777", *paths.values()],
            "volumes": [f"{claim}:{path}" for claim, path in paths.items()],
        }


def _plain(one: Manifest) -> dict[str, str]:
    if one["kind"] == "ConfigMap":
        return dict(one["data"])
    return {key: base64.b64decode(value).decode() for key, value in one["data"].items()}


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def _health_check(probe: Manifest, container: Manifest) -> Service:
    if "exec" in probe:
        test = ["CMD", *map(_escaped, probe["exec"]["command"])]
    else:
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        got = probe["httpGet"]
        url = f"http://127.0.0.1:{ports[got['port']]}{got['path']}"
        test = ["CMD", "python", "-c", f"import urllib.request as r; r.urlopen('{url}', timeout=4)"]
    return {"test": test, "interval": "5s", "timeout": "10s", "retries": 6, "start_period": "300s"}
