"""Custom kinds: closed JSON schemas of the fields we emit of kinds that others define.

Written by hand from the published references of KubeRay 1.6 (ray.io/v1), KEDA 2 (keda.sh/v1alpha1)
and the Prometheus Operator (monitoring.coreos.com/v1). Narrower than theirs: a field that is
not here is an error, so a misspelt one is found.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
ANYTHING: Schema = {"type": "object"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: str = "", /, **fields: Schema) -> Schema:
    """Return the schema of an object with these fields only; ``required`` has names with blanks."""
    return {
        "type": "object",
        "properties": fields,
        "required": required.split(),
        "additionalProperties": False,
    }


def many(item: Schema) -> Schema:
    """Return the schema of a list with at least one item."""
    return {"type": "array", "items": item, "minItems": 1}


def _kind(api_version: str, kind: str, spec: Schema) -> Schema:
    metadata = closed("name labels", name=TEXT, labels=TEXTS, annotations=TEXTS)
    return closed(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_SECRET_KEY = closed("name key", name=TEXT, key=TEXT)
_POD_TEMPLATE = closed("metadata spec", metadata=closed("labels", labels=TEXTS), spec=ANYTHING)
_SELECTOR = closed("matchLabels", matchLabels=TEXTS, matchExpressions=many(ANYTHING))

_RAY_CLUSTER = closed(
    "rayVersion headGroupSpec workerGroupSpecs authOptions",
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    enableInTreeAutoscaling={"type": "boolean"},
    autoscalerOptions=closed(
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        idleTimeoutSeconds=COUNT,
        resources=ANYTHING,
        securityContext=ANYTHING,
    ),
    authOptions=closed("mode", mode={"enum": ["token"]}, secretName=TEXT),
    gcsFaultToleranceOptions=closed(
        "redisAddress redisPassword",
        redisAddress=TEXT,
        redisPassword=closed(
            "valueFrom", valueFrom=closed("secretKeyRef", secretKeyRef=_SECRET_KEY)
        ),
    ),
    headGroupSpec=closed(
        "rayStartParams template",
        serviceType={"enum": ["ClusterIP"]},
        rayStartParams=TEXTS,
        template=_POD_TEMPLATE,
    ),
    workerGroupSpecs=many(
        closed(
            "groupName minReplicas maxReplicas rayStartParams template",
            groupName=TEXT,
            replicas=COUNT,
            minReplicas=COUNT,
            maxReplicas=COUNT,
            rayStartParams=TEXTS,
            template=_POD_TEMPLATE,
        )
    ),
)
_SCALED_OBJECT = closed(
    "scaleTargetRef triggers",
    scaleTargetRef=closed("name", name=TEXT),
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    pollingInterval=COUNT,
    cooldownPeriod=COUNT,
    triggers=many(
        closed(
            "type metadata authenticationRef",
            type={"const": "postgresql"},
            metricType={"enum": ["AverageValue"]},
            metadata=closed(
                "host port userName dbName sslmode query targetQueryValue",
                **dict.fromkeys(
                    ("host", "port", "userName", "dbName", "sslmode", "query", "targetQueryValue"),
                    TEXT,
                ),
            ),
            authenticationRef=closed("name", name=TEXT),
        )
    ),
)
_TRIGGER_AUTHENTICATION = closed(
    "secretTargetRef",
    secretTargetRef=many(closed("parameter name key", parameter=TEXT, name=TEXT, key=TEXT)),
)
_SERVICE_MONITOR = closed(
    "selector endpoints",
    selector=_SELECTOR,
    endpoints=many(
        closed(
            "port path interval authorization",
            port=TEXT,
            path=TEXT,
            interval={"type": "string", "pattern": r"^\d+(ms|s|m|h)$"},
            authorization=closed("type credentials", type=TEXT, credentials=_SECRET_KEY),
        )
    ),
)
_POD_MONITOR = closed(
    "selector podMetricsEndpoints",
    selector=_SELECTOR,
    podMetricsEndpoints=many(closed("port", port=TEXT)),
)
_PROMETHEUS_RULE = closed(
    "groups",
    groups=many(
        closed(
            "name rules",
            name=TEXT,
            rules=many(
                closed(
                    "alert expr labels annotations",
                    alert=TEXT,
                    expr=TEXT,
                    labels=closed("severity", severity={"enum": ["info", "warning", "critical"]}),
                    annotations=closed("summary", summary=TEXT),
                    **{"for": {"type": "string", "pattern": r"^\d+(s|m|h)$"}},
                )
            ),
        )
    ),
)

CUSTOM_KINDS: dict[str, Schema] = {
    "RayCluster": _kind("ray.io/v1", "RayCluster", _RAY_CLUSTER),
    "ScaledObject": _kind("keda.sh/v1alpha1", "ScaledObject", _SCALED_OBJECT),
    "TriggerAuthentication": _kind(
        "keda.sh/v1alpha1", "TriggerAuthentication", _TRIGGER_AUTHENTICATION
    ),
    "ServiceMonitor": _kind("monitoring.coreos.com/v1", "ServiceMonitor", _SERVICE_MONITOR),
    "PodMonitor": _kind("monitoring.coreos.com/v1", "PodMonitor", _POD_MONITOR),
    "PrometheusRule": _kind("monitoring.coreos.com/v1", "PrometheusRule", _PROMETHEUS_RULE),
}
