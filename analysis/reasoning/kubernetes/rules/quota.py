"""Creations the cluster refuses: quotas, limit ranges, security standards, webhooks."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Event, Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    env,
    holders,
    is_troubled,
    ready_replicas,
    replicas_line,
    wanted,
)
from analysis.reasoning.kubernetes.quantities import quantity

_EXCEEDED = re.compile(r"exceeded quota: ([\w.-]+)|failed quota: ([\w.-]+)")
_LIMIT = re.compile(r"(?:maximum|minimum) (\S+) usage per \w+ is [^,\]]+|limit to request ratio")
_CREATES = ("FailedCreate", "FailedUpdate", "ReplicaSetCreateError", "ProvisioningFailed")


def _rejected(
    snap: Snapshot, pattern: re.Pattern[str]
) -> Iterator[tuple[Thing, Event, re.Match[str]]]:
    """Workloads short of pods now, with the refusal of the API server that explains it."""
    for workload in snap.of("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"):
        chain = [workload, *snap.replica_sets_of(workload)]
        events = snap.events_below(workload, *_CREATES)
        conditions = [
            Event(t.ref, "Warning", str(c.get("reason")), str(c.get("message")))
            for t in chain
            for c in t.items("status", "conditions")
            if c.get("message")
        ]
        for event in (*events, *conditions):
            found = pattern.search(event.message)
            if found and _is_short(snap, workload):
                yield workload, event, found
                break


def _is_short(snap: Snapshot, workload: Thing) -> bool:
    if workload.ref.kind == "ReplicaSet":
        owner = next(iter(workload.owners), None)
        if owner and snap.find(owner.kind, owner.name, workload.namespace):
            return False  # its Deployment tells the same
    want = wanted(workload)
    return is_troubled(snap, workload) or (want is None and workload.ref.kind == "Job")


def _full(quota: Thing) -> list[str]:
    """Resources of a quota of which nothing is left, as `name used/hard`."""
    hard = quota.part("status", "hard") or quota.part("spec", "hard")
    used = quota.part("status", "used")
    found = []
    for name, limit in hard.items():
        most, now = quantity(limit), quantity(used.get(name))
        if most is not None and now is not None and now >= most:
            found.append(f"{name} {used[name]}/{limit}")
    return found


@rule(Fault.QUOTA, "Resource Quotas")
def quota_exceeded(snap: Snapshot) -> Iterator[Hit]:
    """Pods of a workload are refused with *exceeded quota*, and it still has fewer than it wants.

    Joined with the ResourceQuota: what of it is used up, or what the request asks of it.
    """
    for workload, event, found in _rejected(snap, _EXCEEDED):
        name = found[1] or found[2]
        held = snap.find("ResourceQuota", name, workload.namespace)
        full = _full(held) if held else []
        second = (
            f"ResourceQuota/{name} used {', '.join(full)}"
            if full
            else replicas_line(snap, workload)
        )
        space = workload.namespace
        refs = (Ref("ResourceQuota", name, space), Ref("Namespace", space))
        yield Hit(
            (*refs, *about(snap, workload)),
            (event.line, second),
            f"quota {name} refuses pods of {workload.name}",
        )


@rule(Fault.QUOTA, "Resource Quotas", 0.8)
def quota_leaves_no_room(snap: Snapshot) -> Iterator[Hit]:
    """A quota is used up, and something it counts is missing.

    A workload has fewer pods than it wants, or a Service that others are told to call is not there.
    """
    for held in snap.of("ResourceQuota"):
        for full in _full(held):
            resource = full.split(" ")[0]
            for thing, second in _missed(snap, held, resource):
                refs = (held.ref, Ref("Namespace", held.namespace))
                facts = f"{held.ref} used {full}", second
                yield Hit(
                    (*refs, *about(snap, thing)),
                    facts,
                    f"quota {held.name}: {full}",
                    CAUSE if "services" in resource else None,
                )


def _missed(snap: Snapshot, held: Thing, resource: str) -> Iterator[tuple[Thing, str]]:
    same = [h for h in holders(snap) if h.namespace in {held.namespace, ""}]
    if "services" in resource:
        known = {s.name for s in snap.of("Service")}
        names = {h.name: h for h in same}
        for holder in same:
            for _, variable, value in env(holder):
                host = value.rpartition("/")[2].partition(":")[0].partition(".")[0]
                if host in names and host not in known and snap.is_listed("Service"):
                    yield names[host], f"{holder.ref} {variable}={value}: no Service {host}"
        return
    if resource.startswith(("pods", "count/pods", "requests.", "limits.", "cpu", "memory")):
        for holder in same:
            ready, want = ready_replicas(snap, holder), wanted(holder)
            if ready is not None and want and len(snap.pods_of(holder)) < want and ready < want:
                yield holder, replicas_line(snap, holder)


@rule(Fault.QUOTA, "Limit Ranges")
def limit_range_refuses(snap: Snapshot) -> Iterator[Hit]:
    """Pods are refused for the least or most a container may ask, and a LimitRange says so."""
    for workload, event, found in _rejected(snap, _LIMIT):
        ranges = [r for r in snap.of("LimitRange") if r.namespace in {workload.namespace, ""}]
        second = f"{ranges[0].ref}: {found[0]}" if ranges else replicas_line(snap, workload)
        chain = (*about(snap, workload), *(r.ref for r in ranges))
        yield Hit(chain, (event.line, second), f"a limit range refuses pods of {workload.name}")


@rule(Fault.ADMISSION, "Pod Security Admission")
def pod_security_refuses(snap: Snapshot) -> Iterator[Hit]:
    """Pods are refused for a security standard, and the workload is short of them."""
    pattern = re.compile(r'violates PodSecurity "([^"]+)"|unable to validate against any security')
    for workload, event, found in _rejected(snap, pattern):
        chain = (*about(snap, workload), Ref("Namespace", workload.namespace))
        facts = event.line, replicas_line(snap, workload)
        yield Hit(chain, facts, f"{workload.name} violates {found[1] or 'a security context'}")


@rule(Fault.ADMISSION, "Dynamic Admission Control")
def webhook_refuses(snap: Snapshot) -> Iterator[Hit]:
    """An admission webhook refuses pods or cannot be called, and the workload is short of them."""
    pattern = re.compile(r'admission webhook "([^"]+)" denied|failed calling webhook "([^"]+)"')
    for workload, event, found in _rejected(snap, pattern):
        name = found[1] or found[2]
        hooks = [
            t.ref
            for t in snap.of("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
            if any(w.get("name") == name for w in t.items("webhooks"))
        ]
        facts = event.line, replicas_line(snap, workload)
        chain = (*hooks, *about(snap, workload))
        yield Hit(chain, facts, f"webhook {name} stops pods of {workload.name}", CAUSE)


@rule(Fault.ADMISSION, "Admission Control in Kubernetes", 0.7)
def pods_refused(snap: Snapshot) -> Iterator[Hit]:
    """Pods of a workload are refused, and it is short of them; other rules say more."""
    for workload, event, _ in _rejected(snap, re.compile("forbidden|denied|invalid|rejected")):
        facts = event.line, replicas_line(snap, workload)
        yield Hit(about(snap, workload), facts, f"pods of {workload.name} are refused")


RULES = (
    quota_exceeded,
    quota_leaves_no_room,
    limit_range_refuses,
    pod_security_refuses,
    webhook_refuses,
    pods_refused,
)
