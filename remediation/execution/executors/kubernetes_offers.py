"""Which node a workload had better leave alone: what the cluster says of it, or only its pods do.

Reads nodes and pods and changes nothing. An offer is a hint to whoever plans; the dry run looks at
everything again, and a cluster that does not let us read nodes gets no hint.
"""

from collections.abc import Iterator, Mapping, Sequence

from remediation.execution.base import ExecutorError, Offer
from remediation.execution.executors.kubernetes_api import Api, Json, part, segment
from remediation.execution.executors.kubernetes_find import pods_of
from remediation.execution.executors.kubernetes_steps import is_control_plane

_PRESSURES = {
    "MemoryPressure": "is short of memory",
    "DiskPressure": "is short of disk",
    "PIDPressure": "is short of process ids",
    "NetworkUnavailable": "has no network",
}
_MOST = 5  # nodes of one workload that are looked at


def cordons(api: Api, workload: Json, namespace: str) -> tuple[Offer, ...]:
    """Nodes of the workload to close to new pods: the cluster's own word comes first."""
    try:
        by_node = _by_node(pods_of(api, workload, namespace))
        nodes = {
            name: api.get(f"/api/v1/nodes/{segment(name)}") for name in sorted(by_node)[:_MOST]
        }
    except ExecutorError:
        return ()
    open_ones = {name: node for name, node in nodes.items() if _may_be_closed(node)}
    found = [(name, _said_of(node)) for name, node in open_ones.items()]
    found += [(name, _only_there(name, by_node)) for name in open_ones]
    reasons = {name: why for name, why in reversed(found) if why}
    order = dict.fromkeys(name for name, why in found if why)
    return tuple(
        Offer("cordon", {"node": name, "schedulable": False}, f"{name} {reasons[name]}")
        for name in order
    )


def _may_be_closed(node: Json) -> bool:
    return not is_control_plane(node) and not part(node, "spec").get("unschedulable")


def _said_of(node: Json) -> str:
    """What is wrong with it, in our own words."""
    said = {str(c.get("type")): str(c.get("status")) for c in _conditions(node)}
    if said.get("Ready") != "True":
        return "is not ready"
    return next((words for name, words in _PRESSURES.items() if said.get(name) == "True"), "")


def _only_there(name: str, by_node: Mapping[str, Sequence[Json]]) -> str:
    """Every pod there is not ready, and every one elsewhere is."""
    here = by_node[name]
    elsewhere = [pod for other, pods in by_node.items() if other != name for pod in pods]
    is_alone = elsewhere and all(map(_is_ready, elsewhere)) and not any(map(_is_ready, here))
    if not is_alone:
        return ""
    return f"has {len(here)} pods and none is ready, elsewhere all {len(elsewhere)} are"


def _by_node(pods: Sequence[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for pod in pods:
        name = str(part(pod, "spec").get("nodeName") or "")
        if name:
            found.setdefault(name, []).append(pod)
    return found


def _is_ready(pod: Json) -> bool:
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in _conditions(pod))


def _conditions(item: Json) -> Iterator[Json]:
    for condition in part(item, "status").get("conditions") or []:
        if isinstance(condition, dict):
            yield condition
