"""From a service to exactly one object of the cluster, and what stands around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remediation.execution.base import ExecutorError, NothingToActOn
from remediation.execution.executors.kubernetes_api import Api, Json, NotThere, part, segment

_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
}
ACTIONS = {
    "Deployment": frozenset({"restart", "scale", "rollback", "cordon"}),
    "StatefulSet": frozenset({"restart", "scale", "cordon"}),
    "DaemonSet": frozenset({"restart"}),
    "Node": frozenset({"cordon"}),
}
MARKER = "airra.dev/execution"  # whose effect an object last felt


@dataclass(frozen=True)
class Ref:
    """One object, by name and by the uid that a namesake would not have."""

    kind: str
    namespace: str  # empty for a node
    name: str
    uid: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind}/{where}{self.name}@{self.uid}"

    @property
    def path(self) -> str:
        if self.kind == "Node":
            return f"/api/v1/nodes/{segment(self.name)}"
        return f"{_PATHS[self.kind].format(segment(self.namespace))}/{segment(self.name)}"


def ref_of(target: str) -> Ref:
    """Raises `NothingToActOn` for what `str(Ref)` never wrote."""
    names, _, uid = target.rpartition("@")
    match names.split("/"):
        case ["Node", name] if name and uid:
            return Ref("Node", "", name, uid)
        case [kind, namespace, name] if kind in _PATHS and namespace and name and uid:
            return Ref(kind, namespace, name, uid)
    msg = f"{target[:120]!r} is no target of this cluster"
    raise NothingToActOn(msg)


def read(api: Api, ref: Ref) -> Json:
    """The object as it is. Raises `NothingToActOn` when it is gone or is another of that name."""
    try:
        found = api.get(ref.path)
    except NotThere as error:
        msg = f"{ref.kind} {ref.name} is gone"
        raise NothingToActOn(msg) from error
    if part(found, "metadata").get("uid") != ref.uid:
        msg = f"{ref.kind} {ref.name} is another one by now"
        raise NothingToActOn(msg)
    return found


def workload(api: Api, service: str, *, namespace: str, label: str) -> tuple[Ref, Json]:
    """The one workload of a service: by `label`, or by name where `label` is empty.

    Raises `NothingToActOn` for none and for several.
    """
    found: list[tuple[Ref, Json]] = []
    for kind, path in _PATHS.items():
        for item in api.list(path.format(segment(namespace))):
            about = part(item, "metadata")
            told = part(about, "labels").get(label) if label else about.get("name")
            if told == service:
                ref = Ref(kind, namespace, str(about.get("name")), str(about.get("uid")))
                found.append((ref, item))
    by = f"label {label}" if label else "name"
    if not found:
        msg = f"no workload of namespace {namespace} has the {by} {service}"
        raise NothingToActOn(msg)
    if len(found) > 1:
        names = ", ".join(f"{ref.kind} {ref.name}" for ref, _ in found[:5])
        msg = f"{len(found)} workloads have the {by} {service}: {names}"
        raise NothingToActOn(msg)
    return found[0]


def node(api: Api, named: Any, around: Json, namespace: str) -> Ref:
    """The node that is named, or the only one that the workload `around` runs on."""
    names = {str(named)} if named else _nodes_of(api, around, namespace)
    if len(names) != 1:
        msg = f"the service runs on {len(names)} nodes; name the one to close"
        raise NothingToActOn(msg)
    name = names.pop()
    try:
        found = api.get(f"/api/v1/nodes/{segment(name)}")
    except NotThere as error:
        msg = f"there is no node {name}"
        raise NothingToActOn(msg) from error
    return Ref("Node", "", name, str(part(found, "metadata").get("uid")))


def pods_of(api: Api, workload: Json, namespace: str) -> list[Json]:
    """Its pods, running or not. Raises `ExecutorError`."""
    path = f"/api/v1/namespaces/{segment(namespace)}/pods"
    return api.list(path, selector=selector_of(workload))


def _nodes_of(api: Api, around: Json, namespace: str) -> set[str]:
    pods = pods_of(api, around, namespace)
    return {str(part(pod, "spec")["nodeName"]) for pod in pods if part(pod, "spec").get("nodeName")}


def selector_of(item: Json) -> str:
    """The label selector of a workload. Raises `ExecutorError` for one that is not just labels."""
    selector = part(item, "spec", "selector")
    labels: Mapping[str, Any] = part(selector, "matchLabels")
    if not labels or selector.get("matchExpressions"):
        msg = "the workload selects its pods by more than labels"
        raise ExecutorError(msg)
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def marker_of(item: Json) -> str:
    return str(part(item, "metadata", "annotations").get(MARKER, ""))


def version_of(item: Json, kind: str) -> str:
    """What an approval binds to: all that is wanted of the object, not what happens by itself.

    A node counts no generations and its heartbeat moves its resourceVersion; what we set there is
    one flag, so its version is that flag with who set it last, and when.
    """
    if kind != "Node":
        return f"generation {part(item, 'metadata').get('generation')}"
    is_closed = bool(part(item, "spec").get("unschedulable"))
    return f"{'closed' if is_closed else 'open'}, {_last_hand(item)}"


def _last_hand(item: Json) -> str:
    hands = [
        f"{entry.get('manager')} at {entry.get('time')}"
        for entry in part(item, "metadata").get("managedFields") or []
        if "f:unschedulable" in part(entry, "fieldsV1", "f:spec")
    ]
    return "; ".join(sorted(hands)) or "nobody since it joined"
