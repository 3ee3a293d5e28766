"""Nodes and what runs on them outside of pods: kubelet, the container runtime, kube-proxy."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Ref, Snapshot, Thing, Unit
from analysis.reasoning.kubernetes.pods import (
    about,
    is_ready,
    ready_replicas,
    states,
    status_line,
    troubled_pods,
    wanted,
)

RUNTIMES = ("containerd", "docker", "crio", "cri-o", "cri-docker", "cri-dockerd")
_RUNTIME_WORDS = re.compile(r"container runtime|PLEG|containerd|docker|cri-o|runtime service")
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_CNI = re.compile(r"cni plugin not initialized|network plugin.*not ready|NetworkPluginNotReady")
_SANDBOX = re.compile(
    r"failed to (?:set ?up|create) (?:pod )?(?:sandbox|network)|cni", re.IGNORECASE
)


def _condition(node: Thing, kind: str) -> Json:
    return next((c for c in node.items("status", "conditions") if c.get("type") == kind), {})


def is_node_ready(node: Thing) -> bool:
    return str(_condition(node, "Ready").get("status", "True")) == "True"


def _ready_line(node: Thing) -> str:
    found = _condition(node, "Ready")
    told = " ".join(str(found.get(k)) for k in ("reason", "message") if found.get(k))
    return f"{node.ref} Ready={found.get('status')} {told}".strip()


def down(snap: Snapshot, *names: str) -> list[Unit]:
    return [u for u in snap.units if not u.is_active and u.name.lower() in names]


def _about(unit: Unit) -> tuple[Ref, ...]:
    return Ref("Node", unit.node), Ref("Unit", unit.name)


@rule(Fault.NODE, "Node Status")
def kubelet_down(snap: Snapshot) -> Iterator[Hit]:
    """A node is not ready because its kubelet stopped reporting, or systemd says it is not active.

    One of the two is enough where the other is not known; both are the two facts.
    """
    stopped = {u.node: u for u in down(snap, "kubelet")}
    for node in snap.of("Node"):
        unit = stopped.pop(node.name, None)
        words = f"{_condition(node, 'Ready').get('message')}"
        silent = "stopped posting" in words or (
            _condition(node, "Ready").get("status") == "Unknown" and not _is_runtime(snap, node)
        )
        if unit is None and (is_node_ready(node) or not silent):
            continue
        second = unit.line if unit else next(iter(_gone(snap, node)), _heartbeat(node))
        yield Hit(
            (node.ref, Ref("Unit", "kubelet")),
            (_ready_line(node), second),
            f"the kubelet of {node.name} no longer reports",
            CAUSE if unit else 0.9,
        )
    for unit in stopped.values():
        yield Hit(_about(unit), (unit.line, "kubelet is not active"), f"kubelet of {unit.node}")


def _is_runtime(snap: Snapshot, node: Thing) -> bool:
    return any(u.node == node.name for u in down(snap, *RUNTIMES))


def _gone(snap: Snapshot, node: Thing) -> list[str]:
    return [
        status_line(p)
        for p in snap.of("Pod")
        if p.text("spec", "nodeName") == node.name and not is_ready(p)
    ]


def _heartbeat(node: Thing) -> str:
    return f"{node.ref} status {node.text('status', 'printed') or 'Unknown'}"


@rule(Fault.NODE, "Container Runtimes")
def container_runtime_down(snap: Snapshot) -> Iterator[Hit]:
    """A node's container runtime is not active, or its Ready condition says the runtime is down."""
    stopped = {u.node: u for u in down(snap, *RUNTIMES)}
    has_other = {u.node for u in snap.units if u.is_active and u.name.lower() in RUNTIMES}
    for node in snap.of("Node"):
        unit = stopped.get(node.name)
        message = str(_condition(node, "Ready").get("message") or "")
        says = not is_node_ready(node) and bool(_RUNTIME_WORDS.search(message))
        says = says and not _CNI.search(message)
        if not says and (unit is None or (node.name in has_other and is_node_ready(node))):
            continue
        name = unit.name if unit else "container runtime"
        # A kubelet that is down as well is the plainer reason, unless the runtime is too.
        yield Hit(
            (node.ref, Ref("Unit", name)),
            (_ready_line(node), unit.line if unit else message),
            f"the container runtime of {node.name} is down",
        )


@rule(Fault.NODE, "Node-pressure Eviction")
def node_under_pressure(snap: Snapshot) -> Iterator[Hit]:
    """A node reports memory, disk or process pressure, and pods on it are evicted or refused."""
    for node in snap.of("Node"):
        bad = [p for p in _PRESSURES if _condition(node, p).get("status") == "True"]
        if not bad:
            continue
        events = [
            e
            for e in snap.events
            if e.reason in {"Evicted", "EvictionThresholdMet", "FreeDiskSpaceFailed"}
        ]
        pods = [
            p
            for p in snap.of("Pod")
            if "Evicted" in p.text("status", "printed") + p.text("status", "reason")
        ]
        second = events[-1].line if events else status_line(pods[0]) if pods else ""
        yield Hit(
            (node.ref, *(p.ref for p in pods)),
            (f"{node.ref} {bad[0]}=True", second or f"{node.ref} evicts under {bad[0]}"),
            f"{node.name} is under {bad[0]}",
            CAUSE if second else STATE,
        )


@rule(Fault.EVICTION, "Node-pressure Eviction", STATE)
def pod_evicted(snap: Snapshot) -> Iterator[Hit]:
    """A pod is `Evicted`, and its status or event names what was low."""
    for pod in snap.of("Pod"):
        words = f"{pod.text('status', 'printed')} {pod.text('status', 'reason')}"
        if "Evicted" not in words:
            continue
        events = snap.events_of(pod, "Evicted")
        why = pod.text("status", "message") or (events[-1].message if events else "")
        workload = snap.workload_of(pod)
        if why:
            chain = ([workload.ref] if workload else []) + [pod.ref]
            yield Hit(tuple(chain), (f"{pod.ref} Evicted", why), f"{pod.name} was evicted: {why}")


@rule(Fault.NETWORK, "Network Plugins")
def network_plugin_down(snap: Snapshot) -> Iterator[Hit]:
    """A node is not ready for its network plugin, or pods get no sandbox and the plugin is down."""
    for node in snap.of("Node"):
        message = str(_condition(node, "Ready").get("message") or "")
        unavailable = _condition(node, "NetworkUnavailable").get("status") == "True"
        if (not is_node_ready(node) and _CNI.search(message)) or unavailable:
            second = message or f"{node.ref} NetworkUnavailable=True"
            yield Hit((node.ref,), (_ready_line(node), second), f"{node.name} has no network")
    for agent in _agents(snap, r"calico|flannel|cilium|weave|canal|antrea|kube-router|kindnet|cni"):
        ready, want = ready_replicas(snap, agent), wanted(agent)
        events = [
            e
            for e in snap.events
            if e.reason == "FailedCreatePodSandBox" and _SANDBOX.search(e.message)
        ]
        if ready is not None and want is not None and ready < want and events:
            fact = f"{agent.ref} ready {ready} of {want}"
            yield Hit(
                (agent.ref,), (fact, events[-1].line), f"the network plugin {agent.name} is down"
            )


def _agents(snap: Snapshot, pattern: str) -> list[Thing]:
    return [d for d in snap.of("DaemonSet") if re.search(pattern, d.name)]


@rule(Fault.NETWORK, "Network Plugins", 0.7)
def pod_gets_no_sandbox(snap: Snapshot) -> Iterator[Hit]:
    """A pod does not start for want of its sandbox or address, and still does not run."""
    for pod in troubled_pods(snap):
        events = snap.events_of(pod, "FailedCreatePodSandBox", "FailedPodSandBoxStatus")
        if events and not any(s.phase == "running" for s in states(pod)):
            node = Ref("Node", pod.text("spec", "nodeName"))
            facts = events[-1].line, status_line(pod)
            yield Hit((*about(snap, pod), node), facts, f"{pod.name} gets no sandbox")


@rule(Fault.NETWORK, "Virtual IPs and Service Proxies")
def kube_proxy_down(snap: Snapshot) -> Iterator[Hit]:
    """kube-proxy does not run on every node: fewer ready than nodes, or its pod or unit is down.

    Services then keep the rules they had, or have none at all.
    """
    for unit in down(snap, "kube-proxy"):
        yield Hit(
            _about(unit), (unit.line, "kube-proxy is not active"), f"kube-proxy of {unit.node}"
        )
    nodes = snap.of("Node")
    for agent in _agents(snap, r"^kube-proxy"):
        ready, want = ready_replicas(snap, agent) or 0, wanted(agent) or 0
        if ready >= max(want, len([n for n in nodes if is_node_ready(n)])):
            continue
        pods = [p for p in snap.pods_of(agent) if not is_ready(p)]
        chain = (agent.ref, *(Ref("Node", p.text("spec", "nodeName")) for p in pods))
        second = status_line(pods[0]) if pods else f"{len(nodes)} nodes, {want} wanted"
        yield Hit(chain, (f"{agent.ref} ready {ready} of {want}", second), "kube-proxy is down")


RULES = (
    kubelet_down,
    container_runtime_down,
    node_under_pressure,
    pod_evicted,
    network_plugin_down,
    pod_gets_no_sandbox,
    kube_proxy_down,
)
