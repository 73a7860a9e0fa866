"""Chart docs: README.md and values.schema.json of the chart, made from its values.yaml.

``python -m tests.deploy.chart_docs`` writes both; a test sees that they are current.
"""

import json
import re
from typing import Any

import yaml

from tests.deploy.chart import CHART

_DESCRIPTION = re.compile(r"^(?P<indent> *)# -- (?P<text>.*)$")
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z0-9_]+):")
OPEN = {"settings", "nodeSelector", "affinity", "podAnnotations", "annotations", "labels"} | {
    "resources"
}
"""Maps whose keys are the site's, or Kubernetes's own."""
_CHOICES = {
    "externalPacs.storeBy": ["stow", "c-store"],
    "listener.service.type": ["ClusterIP", "NodePort", "LoadBalancer"],
    "listener.service.externalTrafficPolicy": ["Local", "Cluster"],
    "spool.accessMode": ["ReadWriteMany", "ReadWriteOnce"],
}
_NULLABLE = {"listener.service.nodePort": "integer"}
_OF_STRINGS = {"settings"}
"""Maps of variables: a number would be written 5e+11, which no process can read."""
_HEAD = """\
# Cutis on Kubernetes

AI results for skin imaging, put back into the hospital's PACS. Research use only. How to install,
connect and look after it: `docs/operations.md`. PostgreSQL and Redis of the chart are for
evaluation; in production give it the site's (`externalPostgresql`, `externalRedis`). KubeRay, KEDA
and the Prometheus Operator are used where their values say so, and are not installed by the chart.

```sh
helm install cutis deploy/helm/cutis --namespace cutis --create-namespace --values site.yaml
helm test cutis --namespace cutis --timeout 20m --logs
```

Made from `values.yaml` by `make helm-docs`.

| value | default | what it is |
|---|---|---|
"""


def readme() -> str:
    """Return README.md: one row a value."""
    text = (CHART / "values.yaml").read_text()
    described = _descriptions(text)
    rows = [
        f"| `{path}` | `{json.dumps(value)}` | {described.get(path, '')} |"
        for path, value in _leaves(yaml.safe_load(text))
    ]
    return _HEAD + "\n".join(rows) + "\n"


def schema() -> str:
    """Return values.schema.json: closed to keys that values.yaml does not have."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **_schema_of(values, "")}
    whole["properties"]["global"] = {"type": "object"}  # Helm's own
    return json.dumps(whole, indent=1) + "\n"


def _schema_of(value: Any, path: str) -> dict[str, Any]:
    name = path.rpartition(".")[2]
    if path in _CHOICES:
        return {"enum": _CHOICES[path]}
    if path in _NULLABLE:
        return {"type": [_NULLABLE[path], "null"]}
    if isinstance(value, dict):
        if name in OPEN:
            strings = {"additionalProperties": {"type": "string"}} if path in _OF_STRINGS else {}
            return {"type": "object", **strings}
        fields = {key: _schema_of(one, f"{path}.{key}".lstrip(".")) for key, one in value.items()}
        return {"type": "object", "properties": fields, "additionalProperties": False}
    if isinstance(value, list):
        return {"type": "array"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer", "minimum": 0}
    return {"type": "string"}


def _leaves(value: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, one in value.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(one, dict) and one and key not in OPEN:
            found += _leaves(one, here)
        else:
            found.append((here, one))
    return found


def _descriptions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    pending = ""
    for line in text.splitlines():
        if said := _DESCRIPTION.match(line):
            pending = said["text"]
        elif key := _KEY.match(line):
            indent = len(key["indent"])
            above = [one for one in above if one[0] < indent] + [(indent, key["key"])]
            if pending:
                found[".".join(name for _, name in above)] = pending
                pending = ""
    return _spread(found, yaml.safe_load(text))


def _spread(found: dict[str, str], values: dict[str, Any]) -> dict[str, str]:
    """Give what was said of a map to its first value, where the table has a row."""
    rows = [path for path, _ in _leaves(values)]
    for path, text in list(found.items()):
        if path not in rows:
            first = next(one for one in rows if one.startswith(f"{path}."))
            found.setdefault(first, text)
    return found


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme())
    (CHART / "values.schema.json").write_text(schema())
