"""What rules ask of pods and workloads: containers, states, requests, environment."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from analysis.reasoning.kubernetes.kinds import WORKLOADS
from analysis.reasoning.kubernetes.model import (
    Json,
    Ref,
    Snapshot,
    Thing,
    selector,
    selects,
    template_labels,
)
from analysis.reasoning.kubernetes.quantities import quantity

_OVER = frozenset({"Completed", "Succeeded", "Terminating"})
_FAILURE = re.compile(
    r"refused|timed? ?out|unavailable|reset|unreachable|deadline|no such host|not resolve"
    r"|not known|name resolution|forbidden|\bfail",
    re.IGNORECASE,
)
RUNNING = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class ContainerState:
    container: str
    phase: str  # waiting | terminated | running
    reason: str
    message: str
    exit_code: int | None
    last_reason: str
    last_message: str
    last_exit_code: int | None
    restarts: int
    is_ready: bool

    @property
    def line(self) -> str:
        last = f", last state {self.last_reason} exit code {self.last_exit_code}"
        return (
            f"container {self.container}: {self.phase} {self.reason}".rstrip()
            + (last if self.last_reason or self.last_exit_code is not None else "")
            + f", restarts {self.restarts}"
        )


def states(pod: Thing) -> list[ContainerState]:
    """Of init containers too; where only a table row tells, of the pod as one container."""
    found = [
        _state(s)
        for key in ("initContainerStatuses", "containerStatuses")
        for s in pod.items("status", key)
    ]
    return found or _printed_state(pod)


def _printed_state(pod: Thing) -> list[ContainerState]:
    word = pod.text("status", "printed")
    if not word:
        return []
    restarts = pod.number("status", "printedRestarts") or 0
    phase = "running" if word == "Running" else "waiting"
    reason = "" if word in {"Running", "Pending", *_OVER} else word.removeprefix("Init:")
    return [
        ContainerState(pod.name, phase, reason, "", None, "", "", None, restarts, is_ready(pod))
    ]


def _state(status: Json) -> ContainerState:
    state, last = _mapping(status.get("state")), _mapping(status.get("lastState"))
    phase = next(iter(state), "")
    now, ended = _mapping(state.get(phase)), _mapping(last.get("terminated"))
    code, last_code = now.get("exitCode"), ended.get("exitCode")
    return ContainerState(
        container=str(status.get("name") or ""),
        phase=phase,
        reason=str(now.get("reason") or ""),
        message=str(now.get("message") or ""),
        exit_code=code if isinstance(code, int) else None,
        last_reason=str(ended.get("reason") or ""),
        last_message=str(ended.get("message") or ""),
        last_exit_code=last_code if isinstance(last_code, int) else None,
        restarts=int(status.get("restartCount") or 0),
        is_ready=status.get("ready") is True,
    )


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def is_ready(pod: Thing) -> bool:
    ready, wanted = (pod.number("status", k) for k in ("printedReady", "printedContainers"))
    if ready is not None and wanted is not None:
        return ready == wanted
    for condition in pod.items("status", "conditions"):
        if condition.get("type") == "Ready":
            return condition.get("status") == "True"
    found = pod.items("status", "containerStatuses")
    return bool(found) and all(s.get("ready") is True for s in found)


def is_pending(pod: Thing) -> bool:
    """Accepted, and not yet on a node."""
    words = {pod.text("status", "phase"), pod.text("status", "printed")}
    return "Pending" in words and not pod.text("spec", "nodeName")


def is_over(pod: Thing) -> bool:
    return bool({pod.text("status", "phase"), pod.text("status", "printed")} & _OVER)


def status_line(pod: Thing) -> str:
    """One line of how it stands, as a table or its status tells."""
    word = pod.text("status", "printed") or pod.text("status", "phase") or "unknown"
    ready, wanted = (pod.number("status", k) for k in ("printedReady", "printedContainers"))
    share = f" {ready}/{wanted} ready" if ready is not None else ""
    told = "; ".join(s.line for s in states(pod) if not s.is_ready and s.container != pod.name)
    return f"{pod.ref} status: {word}{share}" + (f"; {told}" if told else "")


def is_troubled(snap: Snapshot, workload: Thing) -> bool:
    """Fewer pods are ready than are wanted."""
    if workload.ref.kind == "Pod":
        return not is_ready(workload) and not is_over(workload)
    ready, want = ready_replicas(snap, workload), wanted(workload)
    return ready is not None and want is not None and ready < want


def wanted(workload: Thing) -> int | None:
    for path in (("status", "printedWanted"), ("status", "desiredNumberScheduled"),
                 ("spec", "replicas")):  # fmt: skip
        found = workload.number(*path)
        if found is not None:
            return found
    return 1 if workload.ref.kind in {"Deployment", "StatefulSet"} else None


def ready_replicas(snap: Snapshot, workload: Thing) -> int | None:
    for key in ("readyReplicas", "numberReady", "availableReplicas"):
        found = workload.number("status", key)
        if found is not None:
            return found
    pods = snap.pods_of(workload)
    if pods or snap.is_listed("Pod"):
        return sum(is_ready(p) for p in pods)
    return 0 if workload.part("status") else None


def replicas_line(snap: Snapshot, workload: Thing) -> str:
    return f"{workload.ref} ready {ready_replicas(snap, workload)} of {wanted(workload)}"


def pod_spec(thing: Thing) -> Json:
    """Of a pod its spec, of a workload the spec of its template."""
    if thing.ref.kind == "Pod":
        return thing.part("spec")
    if thing.ref.kind == "CronJob":
        return thing.part("spec", "jobTemplate", "spec", "template", "spec")
    return thing.part("spec", "template", "spec")


def part_of(body: Json, *path: str) -> Json:
    return Thing(Ref("", ""), body).part(*path)


def items_of(body: Json, *path: str) -> list[Json]:
    return Thing(Ref("", ""), body).items(*path)


def containers(thing: Thing, *, with_init: bool = False) -> list[Json]:
    spec = pod_spec(thing)
    first = items_of(spec, "initContainers") if with_init else []
    return [*first, *items_of(spec, "containers")]


@lru_cache(maxsize=1)
def holders(snap: Snapshot) -> tuple[Thing, ...]:
    """Whatever holds a pod spec, once: pods with containers known, else their workloads."""
    found: list[Thing] = []
    seen: set[Ref] = set()
    for kind in (*RUNNING, "Job", "CronJob"):
        for workload in snap.of(kind):
            pods = [p for p in snap.pods_of(workload) if containers(p)]
            seen.update(p.ref for p in snap.pods_of(workload))
            found.append(workload if _is_detailed(workload) or not pods else pods[0])
    return (*found, *(pod for pod in snap.of("Pod") if pod.ref not in seen))


@lru_cache(maxsize=1)
def _holders_by_label(snap: Snapshot) -> dict[tuple[str, str], list[Thing]]:
    found: dict[tuple[str, str], list[Thing]] = {}
    for holder in holders(snap):
        for label in template_labels(holder).items():
            found.setdefault(label, []).append(holder)
    return found


def behind(snap: Snapshot, service: Thing) -> list[Thing]:
    """Holders of pods that meet the selector of a Service, in its namespace."""
    wanted_labels = selector(service)
    first = next(iter(wanted_labels.items()), None)
    return [
        h
        for h in (_holders_by_label(snap).get(first, []) if first else ())
        if h.namespace == service.namespace and selects(wanted_labels, template_labels(h))
    ]


def _is_detailed(workload: Thing) -> bool:
    """More than the names and images that a table row tells."""
    return any(set(c) - {"name", "image"} for c in containers(workload))


def requested(thing: Thing, resource: str) -> float:
    """What its containers request of a resource together, in base units."""
    total = 0.0
    for container in containers(thing):
        asked = part_of(container, "resources", "requests").get(resource)
        asked = asked or part_of(container, "resources", "limits").get(resource)
        total += quantity(asked) or 0.0
    return total


def about(snap: Snapshot, thing: Thing, *first: Ref) -> tuple[Ref, ...]:
    """The chain from what is at fault through workload and services down to the pod."""
    workload = thing if thing.ref.kind in WORKLOADS else snap.workload_of(thing)
    chain = [*first]
    if workload is not None:
        chain += [workload.ref, *(s.ref for s in snap.services_of(workload))]
        if thing is workload:
            chain += [p.ref for p in snap.pods_of(workload)]
    elif thing.ref.kind == "Pod":
        chain += [s.ref for s in snap.services_of(thing)]
    return tuple(dict.fromkeys([*chain, thing.ref]))


def of_service(snap: Snapshot, service: Thing) -> list[Thing]:
    """Workloads that carry the service's name or meet its selector."""
    named = [w for k in RUNNING if (w := snap.find(k, service.name, service.namespace))]
    meeting = [
        (snap.workload_of(h) or h) if h.ref.kind == "Pod" else h for h in behind(snap, service)
    ]
    found = [w for w in (*meeting, *named) if w.ref.kind in RUNNING]
    return list({w.ref: w for w in found}.values())


def ports(thing: Thing) -> list[Json]:
    return [p for c in containers(thing, with_init=False) for p in items_of(c, "ports")]


def port_numbers(thing: Thing) -> set[int]:
    return {int(p["containerPort"]) for p in ports(thing) if str(p.get("containerPort")).isdigit()}


def port_names(thing: Thing) -> dict[str, int]:
    return {
        str(p["name"]): int(p["containerPort"])
        for p in ports(thing)
        if p.get("name") and str(p.get("containerPort")).isdigit()
    }


def env(thing: Thing) -> Iterator[tuple[str, str, str]]:
    """Container, variable and value, of variables whose value stands in the spec."""
    for container in containers(thing, with_init=True):
        for one in items_of(container, "env"):
            if isinstance(one.get("value"), str | int | float):
                yield str(container.get("name")), str(one.get("name")), str(one["value"])


def troubled_pods(snap: Snapshot) -> Sequence[Thing]:
    return [p for p in snap.of("Pod") if not is_ready(p) and not is_over(p)]


def is_felt(snap: Snapshot, holder: Thing) -> bool:
    """Whether anybody suffers: its pods are short, it logs failures, or others name it."""
    if is_troubled(snap, holder):
        return True
    workload = snap.workload_of(holder) if holder.ref.kind == "Pod" else None
    name = re.escape((workload or holder).name)
    named = re.compile(rf"(?<![\w-]){name}(?![\w-])")
    told = ((f"{x.about} {x.text}", x.text) for x in (*snap.checks, *snap.logs))
    return any(_FAILURE.search(text) and named.search(where) for where, text in told)


def logs_of(snap: Snapshot, holder: Thing) -> list[str]:
    """Log lines filed under a workload, its pods, or its service's name."""
    workload = snap.workload_of(holder) if holder.ref.kind == "Pod" else None
    names = "|".join(re.escape(t.name) for t in (holder, workload) if t is not None)
    named = re.compile(rf"(?:^|[/:\s])(?:{names})(?:$|[/:\s]|-[a-z0-9]{{4,10}}\b|-\d+\b)")
    return [
        text
        for about, lines in snap.logs_by_author.items()
        if named.search(about)
        for text in lines
    ]
