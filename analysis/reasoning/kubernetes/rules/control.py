"""The control plane, cluster DNS, and the autoscaler of nodes."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    is_pending,
    is_ready,
    ready_replicas,
    status_line,
    wanted,
)

_UNRESOLVED = re.compile(
    r"no such host|name or service not known|temporary failure in name resolution|servfail"
    r"|could not resolve|server misbehaving|nxdomain|EAI_AGAIN|ENOTFOUND",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"connection refused|i/o timeout|etcdserver|context deadline", re.IGNORECASE)


def _component_down(snap: Snapshot, name: str) -> tuple[str, tuple[Ref, ...]] | None:
    """Its pod that is not ready, its unit that is not active, or its absence among its peers."""
    pods = [p for p in snap.of("Pod") if p.name == name or p.name.startswith(f"{name}-")]
    bad = [p for p in pods if not is_ready(p)]
    if bad:
        return status_line(bad[0]), (Ref("Component", name), bad[0].ref)
    unit = next((u for u in snap.units if u.name.lower() == name and not u.is_active), None)
    if unit:
        return unit.line, (Ref("Component", name), Ref("Node", unit.node))
    control = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")
    peers = [p for p in snap.of("Pod") if p.name.startswith(control)]
    others = {c for c in control if c != name and any(p.name.startswith(c) for p in peers)}
    if not pods and len(others) == len(control) - 1 and snap.is_listed("Pod"):
        nodes = tuple(Ref("Node", n) for n in {p.text("spec", "nodeName") for p in peers} if n)
        return f"no pod {name} beside {peers[0].name}", (Ref("Component", name), *nodes)
    return None


@rule(Fault.CONTROL_PLANE, "Kubernetes Components")
def scheduler_down(snap: Snapshot) -> Iterator[Hit]:
    """Pods are pending without any word of a scheduler, and kube-scheduler is down.

    Where its pods cannot be seen, silence about every pending pod is a weaker sign.
    """
    silent = [p for p in snap.of("Pod") if is_pending(p) and not _is_judged(snap, p)]
    down = _component_down(snap, "kube-scheduler")
    if down:
        second = status_line(silent[0]) if silent else "it places no new pods"
        yield Hit(down[1], (down[0], second), "kube-scheduler is down", CAUSE if silent else 0.9)
    elif (
        snap.events and silent and len(silent) == len([p for p in snap.of("Pod") if is_pending(p)])
    ):
        named = [p for p in silent if p.text("spec", "schedulerName") in {"", "default-scheduler"}]
        for pod in named[:1]:
            facts = status_line(pod), f"{pod.ref} has no FailedScheduling or Scheduled event"
            chain = Ref("Component", "kube-scheduler"), pod.ref
            yield Hit(chain, facts, "no scheduler takes up pending pods", STATE)


def _is_judged(snap: Snapshot, pod: Thing) -> bool:
    conditions = pod.items("status", "conditions")
    return bool(snap.events_of(pod, "FailedScheduling", "Scheduled", "SchedulingGated")) or any(
        c.get("type") == "PodScheduled" and c.get("message") for c in conditions
    )


@rule(Fault.CONTROL_PLANE, "Kubernetes Components")
def controller_manager_down(snap: Snapshot) -> Iterator[Hit]:
    """Workloads do not follow what is asked of them, and kube-controller-manager is down."""
    down = _component_down(snap, "kube-controller-manager")
    stuck = [w for w in snap.of("Deployment") if _does_not_follow(snap, w)]
    if down:
        second = _following(snap, stuck[0]) if stuck else "no controller acts on objects"
        yield Hit(down[1], (down[0], second), "kube-controller-manager is down")
    elif len(stuck) >= 2:
        facts = _following(snap, stuck[0]), _following(snap, stuck[1])
        chain = (Ref("Component", "kube-controller-manager"), *(w.ref for w in stuck))
        yield Hit(chain, facts, "deployments no longer follow their specification", STATE)


def _does_not_follow(snap: Snapshot, workload: Thing) -> bool:
    asked, seen = (
        workload.number("metadata", "generation"),
        workload.number("status", "observedGeneration"),
    )
    if asked is not None and seen is not None:
        return seen < asked
    pods, sets = snap.pods_of(workload), list(snap.replica_sets_of(workload))
    known = snap.is_listed("Pod") and snap.is_listed("ReplicaSet")
    return known and bool(wanted(workload)) and not pods and not sets


def _following(snap: Snapshot, workload: Thing) -> str:
    asked, seen = (
        workload.text(*p) for p in (("metadata", "generation"), ("status", "observedGeneration"))
    )
    told = f"generation {asked or '?'} observed {seen or 'none'}"
    return f"{workload.ref} wants {wanted(workload)}, {told}"


@rule(Fault.CONTROL_PLANE, "Kubernetes Components")
def api_server_or_store_down(snap: Snapshot) -> Iterator[Hit]:
    """kube-apiserver or etcd is down, and something says that it cannot be reached."""
    for name in ("kube-apiserver", "etcd"):
        down = _component_down(snap, name)
        if not down:
            continue
        said = [
            x.text
            for x in (*snap.checks, *snap.logs)
            if name in x.text.lower() or "6443" in x.text or "2379" in x.text
        ]
        refused = next((t for t in said if _REFUSED.search(t)), "")
        yield Hit(
            down[1],
            (down[0], refused or f"{name} is not ready"),
            f"{name} is down",
            CAUSE if refused else 0.9,
        )


def dns_services(snap: Snapshot) -> list[Thing]:
    found = snap.of("Deployment", "DaemonSet")
    return [w for w in found if re.search(r"^(core-?dns|kube-dns)$", w.name)]


@rule(Fault.DNS, "Debugging DNS Resolution")
def cluster_dns_down(snap: Snapshot) -> Iterator[Hit]:
    """No replica of CoreDNS is ready or wanted; joined with its pods or a failed look-up."""
    for server in dns_services(snap):
        ready, want = ready_replicas(snap, server), wanted(server)
        if ready:
            continue
        failed = unresolved(snap)
        pods = [status_line(p) for p in snap.pods_of(server)]
        second = failed or next(iter(pods), "") or f"{server.ref} has no ready pod"
        services = [s.ref for s in snap.of("Service") if s.name in {"kube-dns", "coredns"}]
        facts = f"{server.ref} ready {ready} of {want}", second
        yield Hit((server.ref, *services), facts, "cluster DNS has no ready server")


def unresolved(snap: Snapshot) -> str:
    """A line that says a name was not resolved; empty where there is none."""
    lines = (x.text for x in (*snap.checks, *snap.logs))
    return next((t for t in lines if _UNRESOLVED.search(t)), "")


@rule(Fault.DNS, "Customizing DNS Service")
def cluster_dns_misconfigured(snap: Snapshot) -> Iterator[Hit]:
    """Names are not resolved, and the Corefile lacks what answers for the cluster's domain.

    Or CoreDNS is reached by a Service whose selector or port does not lead to it.
    """
    failed = unresolved(snap)
    for config in snap.of("ConfigMap"):
        if config.name not in {"coredns", "kube-dns"}:
            continue
        text = config.text("data", "Corefile") or config.text("text")
        odd = _odd_corefile(text)
        if odd and (failed or _complains(snap)):
            servers = tuple(s.ref for s in dns_services(snap))
            chain = (*servers, Ref("Component", "coredns"), config.ref)
            yield Hit(
                chain, (f"Corefile: {odd}", failed or _complains(snap)), f"the Corefile {odd}"
            )


def _odd_corefile(text: str) -> str:
    if not text.strip():
        return ""
    if "kubernetes" not in text:
        return "has no kubernetes block"
    if "cluster.local" not in text:
        return "does not answer for cluster.local"
    odd = re.search(
        r"^\s*(?:template|rewrite|erratic)\b.*(?:\n.*(?:NXDOMAIN|SERVFAIL|REFUSED).*)?",
        text,
        re.MULTILINE,
    )
    return f"holds {' '.join(odd[0].split())}" if odd else ""


def _complains(snap: Snapshot) -> str:
    return next(
        (x.text for x in snap.logs if "coredns" in x.about.lower() and "ERROR" in x.text.upper()),
        "",
    )


@rule(Fault.SCALING, "Node Autoscaling", STATE)
def nodes_cannot_be_added(snap: Snapshot) -> Iterator[Hit]:
    """A pod is pending for capacity, and the cluster autoscaler says it cannot add a node."""
    for pod in snap.of("Pod"):
        events = snap.events_of(pod, "NotTriggerScaleUp")
        if is_pending(pod) and events:
            chain = (Ref("Component", "cluster-autoscaler"), pod.ref)
            yield Hit(
                chain, (status_line(pod), events[-1].line), f"no node is added for {pod.name}"
            )


RULES = (
    scheduler_down,
    controller_manager_down,
    api_server_or_store_down,
    cluster_dns_down,
    cluster_dns_misconfigured,
    nodes_cannot_be_added,
)
