"""Pods no node takes: what the pod asks for joined with what the nodes are."""

import re
from collections.abc import Iterator, Mapping

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Snapshot, Thing, texts
from analysis.reasoning.kubernetes.pods import (
    about,
    is_pending,
    items_of,
    part_of,
    pod_spec,
    requested,
)
from analysis.reasoning.kubernetes.quantities import quantity

_HOSTNAME = "kubernetes.io/hostname"
_OWN_TAINTS = ("node.kubernetes.io/", "node-role.kubernetes.io/", "node.cloudprovider")


def _unscheduled(snap: Snapshot) -> Iterator[tuple[Thing, Json, str]]:
    """Pods that are pending now: pod, full spec, and what the scheduler says of them."""
    for pod in snap.of("Pod"):
        if not is_pending(pod):
            continue
        said = [e.message for e in snap.events_of(pod, "FailedScheduling")]
        said += [
            str(c.get("message"))
            for c in pod.items("status", "conditions")
            if c.get("type") == "PodScheduled" and c.get("message")
        ]
        workload = snap.workload_of(pod)
        spec = dict(pod_spec(workload)) if workload else {}
        yield pod, {**spec, **pod_spec(pod)}, said[-1] if said else ""


def _labels(node: Thing) -> dict[str, str]:
    return {_HOSTNAME: node.name, **node.labels}


def _matches(expression: Json, labels: Mapping[str, str]) -> bool:
    key, operator = str(expression.get("key")), str(expression.get("operator"))
    told = expression.get("values")
    values = [str(v) for v in told] if isinstance(told, list) else []
    found = labels.get(key)
    if operator == "In":
        return found in values
    if operator == "NotIn":
        return found not in values
    if operator == "Exists":
        return found is not None
    if operator == "DoesNotExist":
        return found is None
    return True  # Gt and Lt: not judged


def _required(spec: Json) -> list[Json]:
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    return items_of(part_of(spec, "affinity", "nodeAffinity", key), "nodeSelectorTerms")


def _fits_affinity(spec: Json, node: Thing) -> bool:
    terms = _required(spec)
    return not terms or any(
        all(_matches(e, _labels(node)) for e in items_of(t, "matchExpressions")) for t in terms
    )


def tolerates(spec: Json, taint: Json) -> bool:
    """Whether a pod tolerates a taint; only the effects that keep pods off a node count."""
    if taint.get("effect") == "PreferNoSchedule":
        return True
    for toleration in items_of(spec, "tolerations"):
        exists = toleration.get("operator") == "Exists"
        key = str(toleration.get("key") or "")
        same = (not key and exists) or (
            key == taint.get("key")
            and (exists or str(toleration.get("value") or "") == str(taint.get("value") or ""))
        )
        if same and toleration.get("effect") in {None, "", taint.get("effect")}:
            return True
    return False


def _taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


@rule(Fault.SCHEDULING, "Assigning Pods to Nodes")
def node_selector_matches_no_node(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending, and no node carries the labels of its node selector.

    Where the labels of the nodes are not known, the scheduler must say so.
    """
    for pod, spec, said in _unscheduled(snap):
        wanted = texts(part_of(spec, "nodeSelector"))
        by_name = set(wanted) == {_HOSTNAME}
        nodes = [n for n in snap.of("Node") if n.labels or by_name]
        if not wanted or any(all(_labels(n).get(k) == v for k, v in wanted.items()) for n in nodes):
            continue
        # Where no label is known, the scheduler's words must leave no other reason.
        only = "node affinity/selector" in said and "unschedulable" not in said
        if not nodes and not only:
            continue
        told = ", ".join(f"{k}={v}" for k, v in wanted.items())
        keys = "; ".join(f"{n.name}: {', '.join(_near(n, wanted))}" for n in nodes) or said
        yield Hit(
            about(snap, pod),
            (f"{pod.ref} Pending, nodeSelector {told}", f"nodes carry {keys or 'no such label'}"),
            f"{pod.name} selects nodes with {told}, and there are none",
        )


def _near(node: Thing, wanted: Mapping[str, str]) -> list[str]:
    found = [f"{k}={node.labels[k]}" for k in wanted if k in node.labels]
    return found or [f"no {', '.join(wanted)}"]


@rule(Fault.SCHEDULING, "Assigning Pods to Nodes")
def node_affinity_matches_no_node(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending, and no node meets its required node affinity."""
    nodes = [n for n in snap.of("Node") if n.labels]
    for pod, spec, said in _unscheduled(snap):
        terms = _required(spec)
        if not terms or any(_fits_affinity(spec, n) for n in nodes):
            continue
        if not nodes and "affinity" not in said:
            continue
        told = "; ".join(
            f"{e.get('key')} {e.get('operator')} {e.get('values', '')}"
            for t in terms
            for e in items_of(t, "matchExpressions")
        )
        second = said or f"none of {', '.join(n.name for n in nodes)} meets it"
        yield Hit(
            about(snap, pod),
            (f"{pod.ref} Pending, node affinity {told}", second),
            f"{pod.name} requires nodes with {told}, and there are none",
        )


@rule(Fault.SCHEDULING, "Assigning Pods to Nodes")
def pod_affinity_cannot_be_met(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending for its affinity to other pods, and its spec requires one."""
    for pod, spec, said in _unscheduled(snap):
        kinds = [k for k in ("podAntiAffinity", "podAffinity") if part_of(spec, "affinity", k)]
        spread = items_of(spec, "topologySpreadConstraints")
        found = re.search(
            r"didn't (?:match|satisfy) (?:existing )?pods?'?s? (?:anti-)?affinity[^,.]*"
            r"|didn't match pod (?:anti-)?affinity[^,.]*|topology spread constraints[^,.]*",
            said,
        )
        if not found:
            continue
        second = ", ".join(kinds) or (f"topologySpreadConstraints {spread}" if spread else said)
        yield Hit(
            about(snap, pod),
            (f"{pod.ref} Pending: {found[0]}", f"its spec requires {second}"[:400]),
            f"{pod.name} cannot be placed beside the pods that are there",
        )


@rule(Fault.SCHEDULING, "Taints and Tolerations")
def taint_not_tolerated(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending, and the nodes that would fit it bear a taint it does not tolerate.

    Taints Kubernetes sets itself (not ready, cordoned, control plane) are other rules' matter.
    """
    for pod, spec, said in _unscheduled(snap):
        if said and "taint" not in said:
            continue
        for node in _fitting(snap, spec):
            bad = [t for t in node.items("spec", "taints") if not tolerates(spec, t)]
            own = [t for t in bad if not str(t.get("key")).startswith(_OWN_TAINTS)]
            if own:
                yield Hit(
                    (*about(snap, pod), node.ref),
                    (f"{pod.ref} Pending: {said}", f"{node.ref} taint {_taint(own[0])}"),
                    f"{pod.name} does not tolerate {_taint(own[0])} of {node.name}",
                )
                break
        else:
            yield from _said_taint(snap, pod, said)


def _said_taint(snap: Snapshot, pod: Thing, said: str) -> Iterator[Hit]:
    """Where no node is described, the scheduler's own words name the taint."""
    keys = re.findall(r"taint \{([^:}]+)", said)
    own = [k for k in keys if not k.startswith(_OWN_TAINTS)]
    if own and not any(n.items("spec", "taints") for n in snap.of("Node")):
        facts = f"{pod.ref} Pending", said
        yield Hit(about(snap, pod), facts, f"{pod.name} does not tolerate {own[0]}")


def _fitting(snap: Snapshot, spec: Json) -> list[Thing]:
    wanted = texts(part_of(spec, "nodeSelector"))
    return [
        n
        for n in snap.of("Node")
        if all(_labels(n).get(k) == v for k, v in wanted.items()) and _fits_affinity(spec, n)
    ]


@rule(Fault.SCHEDULING, "Safely Drain a Node")
def node_cordoned(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending, and a node that would fit it is marked unschedulable.

    Only where the scheduler counts unschedulable nodes, or every fitting node is cordoned.
    """
    for pod, spec, said in _unscheduled(snap):
        fitting = _fitting(snap, spec)
        off = [n for n in fitting if n.part("spec").get("unschedulable") is True]
        named = re.search(
            r"\d+ node\(s\) were unschedulable|node.kubernetes.io/unschedulable", said
        )
        if off and (named or len(off) == len(fitting)):
            yield Hit(
                (*(n.ref for n in off), *about(snap, pod)),
                (f"{pod.ref} Pending: {said}", f"{off[0].ref} SchedulingDisabled"),
                f"{off[0].name} is cordoned, and {pod.name} has nowhere to go",
            )


@rule(Fault.SCHEDULING, "Resource Management for Pods and Containers")
def too_little_capacity(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending for cpu or memory, and it requests more than a node has or has left."""
    for pod, spec, said in _unscheduled(snap):
        for resource in dict.fromkeys(re.findall(r"Insufficient ([\w./-]+)", said)):
            wanted = _requested(snap, pod, spec, resource)
            most = max((_allocatable(n, resource) for n in snap.of("Node")), default=0.0)
            never = bool(most) and wanted > most
            second = f"it requests {resource} {wanted:g}" + (
                f", the largest node has {most:g}" if most else ""
            )
            yield Hit(
                about(snap, pod),
                (f"{pod.ref} Pending: {said}", second),
                f"{pod.name} requests more {resource} than any node has left",
                CAUSE if never else 0.9,
            )


def _requested(snap: Snapshot, pod: Thing, spec: Json, resource: str) -> float:
    found = requested(pod, resource)
    workload = snap.workload_of(pod)
    return found or (requested(workload, resource) if workload else 0.0)


def _allocatable(node: Thing, resource: str) -> float:
    return quantity(node.part("status", "allocatable").get(resource)) or 0.0


@rule(Fault.SCHEDULING, "Pod Scheduling Readiness", STATE)
def scheduler_named_is_absent(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending without a word of any scheduler, and names one other than the default."""
    for pod, spec, said in _unscheduled(snap):
        name = str(spec.get("schedulerName") or "default-scheduler")
        gates = items_of(spec, "schedulingGates")
        if not said and (name != "default-scheduler" or gates):
            what = f"schedulingGates {gates}" if gates else f"schedulerName {name}"
            facts = f"{pod.ref} Pending, no FailedScheduling event", f"{pod.ref} {what}"
            yield Hit(about(snap, pod), facts, f"{pod.name} waits for {what}", CAUSE)


@rule(Fault.SCHEDULING, "Kubernetes Scheduler", 0.7)
def no_node_takes_pod(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending, and the scheduler says why no node takes it; other rules say more."""
    for pod, _, said in _unscheduled(snap):
        if said:
            yield Hit(about(snap, pod), (f"{pod.ref} Pending", said), f"no node takes {pod.name}")


RULES = (
    node_selector_matches_no_node,
    node_affinity_matches_no_node,
    pod_affinity_cannot_be_met,
    taint_not_tolerated,
    node_cordoned,
    too_little_capacity,
    scheduler_named_is_absent,
    no_node_takes_pod,
)
