"""Where the usual ways of logging keep service, level, message, instance and trace of a line.

Names of ECS (Elastic), OpenTelemetry (as its exporters write it into Elasticsearch, OpenSearch
and Loki), Kubernetes collectors, and common JSON loggers, the more explicit first.
"""

from collections.abc import Mapping
from typing import Any

from analysis.connectors.base import plain
from analysis.types import LogLine

MAX_MESSAGE = 2000
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


def field(document: Mapping[str, Any], name: str) -> Any:
    """The value at `name`, whether its dots are part of the key or steps into objects."""
    if name in document:
        return document[name]
    head, dot, rest = name.partition(".")
    while dot:
        inner = document.get(head)
        if isinstance(inner, dict):
            found = field(inner, rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def first(names: tuple[str, ...], *documents: Mapping[str, Any]) -> str:
    """The first of `names` that holds text or a number; the documents are asked in order."""
    for document in documents:
        for name in names:
            value = field(document, name)
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
    """A line from its parsed `fields` and the `labels` its source keeps apart from the text.

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
