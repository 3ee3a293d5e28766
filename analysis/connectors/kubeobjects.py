"""Kubernetes objects and events, as JSON of its API, read into our types. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from analysis.connectors.base import as_list, as_number, as_object, malformed, plain
from analysis.types import PlatformEvent, PlatformObject

Json = Mapping[str, Any]
Names = Mapping[tuple[str, str, str], str]  # (kind, namespace, name) of an object: its service

_SERVICE_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_FINE = frozenset({"", "ContainerCreating", "PodInitializing", "Completed"})


def part(item: Json, *path: str) -> Json:
    """The object at `path`; empty where it is left out, as Kubernetes leaves out what is empty."""
    for name in path:
        item = as_object(item.get(name) or {}, name)
    return item


def items(value: Json, name: str) -> list[Json]:
    return [as_object(item, name) for item in as_list(value.get(name) or [], name)]


def number(value: Json, name: str) -> int:
    return int(as_number(value.get(name) or 0, name))


def seconds(value: Any, where: str = "a time") -> float:
    """Unix seconds of an RFC 3339 time."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        malformed(where, "a time like 2026-01-31T12:00:00Z", value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def created(item: Json) -> float:
    return seconds(part(item, "metadata").get("creationTimestamp"), "creationTimestamp")


def name_of(item: Json) -> str:
    return plain(part(item, "metadata").get("name"))


def namespace_of(item: Json) -> str:
    return plain(part(item, "metadata").get("namespace"))


def owner_of(item: Json) -> tuple[str, str]:
    """Kind and name of the controller above it."""
    owners = items(part(item, "metadata"), "ownerReferences")
    first = next((o for o in owners if o.get("controller")), {})
    return plain(first.get("kind")), plain(first.get("name"))


def service_of(item: Json) -> str:
    """The label that names it, else the workload that owns it, else its own name."""
    labels = part(item, "metadata", "labels")
    named = next((plain(labels[name]) for name in _SERVICE_LABELS if labels.get(name)), "")
    if named:
        return named
    name = owner_of(item)[1] or name_of(item)
    return name.removesuffix(f"-{labels.get('pod-template-hash', '')}")


def images_of(item: Json) -> tuple[str, ...]:
    """Of a pod, or of the template of a workload."""
    spec = part(item, "spec")
    containers = items(part(spec, "template", "spec") if "template" in spec else spec, "containers")
    return tuple(sorted(plain(c.get("image")) for c in containers))


def workload(kind: str, item: Json) -> PlatformObject:
    status, spec = part(item, "status"), part(item, "spec")
    is_daemon = kind == "DaemonSet"
    desired = number(status, "desiredNumberScheduled") if is_daemon else number(spec, "replicas")
    failed = [c for c in items(status, "conditions") if _is_failing(c)]
    return PlatformObject(
        kind=kind,
        name=name_of(item),
        namespace=namespace_of(item),
        service=service_of(item),
        created_at=created(item),
        images=images_of(item),
        desired=desired,
        ready=number(status, "numberReady" if is_daemon else "readyReplicas"),
        problem=plain(failed[0].get("reason")) if failed else "",
    )


def _is_failing(condition: Json) -> bool:
    bad = "True" if condition.get("type") == "ReplicaFailure" else "False"
    return condition.get("status") == bad


def pod(item: Json) -> PlatformObject:
    statuses = items(part(item, "status"), "containerStatuses")
    return PlatformObject(
        kind="Pod",
        name=name_of(item),
        namespace=namespace_of(item),
        service=service_of(item),
        created_at=created(item),
        images=images_of(item),
        desired=len(items(part(item, "spec"), "containers")),
        ready=sum(1 for s in statuses if s.get("ready") is True),
        restarts=sum(number(s, "restartCount") for s in statuses),
        node=plain(part(item, "spec").get("nodeName")),
        problem=_problem_of_pod(item, statuses),
    )


def _problem_of_pod(item: Json, statuses: Iterable[Json]) -> str:
    """Evicted, Unschedulable, or what a container waits for or died of."""
    words = [plain(part(item, "status").get("reason"))]
    for status in statuses:
        words.append(plain(part(status, "state", "waiting").get("reason")))
        words.append(plain(part(status, "state", "terminated").get("reason")))
    words += [
        plain(condition.get("reason"))
        for condition in items(part(item, "status"), "conditions")
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False"
    ]
    return next((word for word in words if word not in _FINE), "")


def node(item: Json) -> PlatformObject:
    conditions = {plain(c.get("type")): c for c in items(part(item, "status"), "conditions")}
    ready = conditions.get("Ready", {}).get("status") == "True"
    wrong = [name for name in _PRESSURES if conditions.get(name, {}).get("status") == "True"]
    if not ready:
        wrong.insert(0, "NotReady")
    if part(item, "spec").get("unschedulable"):
        wrong.append("Cordoned")
    return PlatformObject(
        kind="Node",
        name=name_of(item),
        namespace="",
        service="",
        created_at=created(item),
        desired=1,
        ready=int(ready),
        problem=", ".join(wrong),
    )


def event(item: Json, names: Names) -> PlatformEvent:
    about = part(item, "involvedObject")
    kind, name = plain(about.get("kind")), plain(about.get("name"))
    namespace = plain(about.get("namespace"))
    series = part(item, "series")
    # Both generations of events: a count with a last time, or a series.
    at = (
        series.get("lastObservedTime")
        or item.get("lastTimestamp")
        or item.get("eventTime")
        or part(item, "metadata").get("creationTimestamp")
    )
    return PlatformEvent(
        id=plain(part(item, "metadata").get("uid")),
        at=seconds(at, "lastTimestamp"),
        kind=kind,
        name=name,
        namespace=namespace,
        service=names.get((kind, namespace, name), "" if kind == "Node" else name),
        reason=plain(item.get("reason")),
        message=plain(item.get("message"), 1000),
        is_warning=item.get("type") == "Warning",
        count=max(number(item, "count"), number(series, "count"), 1),
    )
