"""Where the usual ways of logging keep service, level, message, instance and trace of a line.

Names of ECS (Elastic), OpenTelemetry (as its exporters write it into Elasticsearch, OpenSearch
and Loki), Kubernetes collectors, and common JSON loggers, the more explicit first.
"""

from collections.abc import Mapping
from typing import Any

from analysis.connectors.base import plain
from analysis.types import LogLine

MAX_MESSAGE = 2000
_DEPTH = 6
SERVICES = (
    "service.name",
    "service",
    "service_name",
    "resource.attributes.service.name",
    "resource.attributes.service@name",
    "resource.service.name",
    "serviceName",
    "Resource.service.name",
    "kubernetes.labels.app_kubernetes_io/name",
    "kubernetes.labels.app",
    "kubernetes.container.name",
    "kubernetes.container_name",
    "app",
    "job",
)
LEVELS = (
    "log.level",
    "level",
    "detected_level",
    "severity_text",
    "severityText",
    "SeverityText",
    "severity.text",
    "severity",
    "lvl",
    "levelname",
)
MESSAGES = ("message", "msg", "event", "body.text", "body", "Body", "log", "text", "event.original")
INSTANCES = (
    "service.node.name",
    "service.instance.id",
    "instance",
    "pod",
    "kubernetes.pod.name",
    "kubernetes.pod_name",
    "resource.attributes.k8s.pod.name",
    "resource.attributes.service.instance.id",
    "resource.k8s.pod.name",
    "host.name",
    "resource.attributes.host.name",
    "host",
    "hostname",
)
TRACES = ("trace.id", "trace_id", "traceID", "traceId", "TraceId")


def flat(document: Mapping[str, Any], *, depth: int = _DEPTH) -> dict[str, Any]:
    """Every value by its dotted name, whether dots were part of keys or steps into objects."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict) and depth:
            found.update((f"{key}.{k}", v) for k, v in flat(value, depth=depth - 1).items())
        else:
            found[str(key)] = value
    return found


def first(names: tuple[str, ...], *documents: Mapping[str, Any]) -> str:
    """The first of `names` that holds text or a number; flat documents, asked in order."""
    for document in documents:
        for name in names if document else ():
            value = document.get(name)
            if value is None:
                continue
            if isinstance(value, list) and len(value) == 1:
                value = value[0]  # collectors that wrap every field
            if isinstance(value, (str, int, float)) and value not in {"", False}:
                return plain(value, MAX_MESSAGE)
    return ""


def log_line(
    at: float,
    text: str,
    fields: Mapping[str, Any],
    labels: Mapping[str, Any],
    *,
    service_label: str = "",
) -> LogLine:
    """A line from its parsed, flat `fields` and the `labels` its source keeps beside the text.

    Where the line comes from, labels know better; what it says, the line itself.
    """
    services = (service_label, *SERVICES) if service_label else SERVICES
    return LogLine(
        at=at,
        service=first(services, labels, fields),
        instance=first(INSTANCES, labels, fields),
        level=first(LEVELS, fields, labels).lower(),
        message=first(MESSAGES, fields) or plain(text, MAX_MESSAGE),
        trace_id=first(TRACES, fields, labels),
    )
