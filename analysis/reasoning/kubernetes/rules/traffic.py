"""Calls that fail and limits that throttle: logs and checks joined with the state of the callee."""

import re
from collections import Counter
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import STATE, SYMPTOM, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    containers,
    holders,
    is_troubled,
    of_service,
    part_of,
    replicas_line,
)
from analysis.reasoning.kubernetes.quantities import quantity

_FAILED = re.compile(
    r"connection refused|ECONNREFUSED|timed? ?out|i/o timeout|deadline exceeded|unreachable"
    r"|no route to host|connection reset|unavailable|status=(?:fail|error|false)|success=False"
    r"|reachable=False|\bfail(?:ed|ure)?\b|\b50[234]\b|broken pipe",
    re.IGNORECASE,
)
_CALLER = re.compile(r"\b(?:source|from|client|caller)[=: ]\s*\S+|\S+\s*(?:->|→|=>)|\S+ to (?=\S)")
_NO = frozenset({"false", "no", "closed", "unreachable", "down"})
_THROTTLED = re.compile(r"throttl", re.IGNORECASE)
_LOW_CORES = 0.05


def _names(snap: Snapshot) -> list[tuple[Thing, re.Pattern[str]]]:
    """What each Service is called by: name and addresses, the longest name first.

    So `cart` is not read out of `cart-db`, for what was matched is taken out of the line.
    """
    found = []
    for service in sorted(snap.of("Service"), key=lambda s: -len(s.name)):
        words = [re.escape(w) for w in (service.name, *_ips(snap, service))]
        found.append((service, re.compile(rf"(?<![\w.-])(?:{'|'.join(words)})(?![\w-])")))
    return found


def _ips(snap: Snapshot, service: Thing) -> list[str]:
    own = service.text("spec", "clusterIP")
    pods = [p for w in of_service(snap, service) for p in snap.pods_of(w)]
    known = [own, *(p.text("status", "podIP") for p in pods)]
    return [ip for ip in known if re.match(r"[\d.]+$|[\da-f]*:[\da-f:]+$", ip)]


def _failures(snap: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Who says it (empty for a check), what names the callee, and the line itself.

    Who calls is not called: that part of a check is taken out.
    """
    for check in snap.checks:
        if _FAILED.search(check.text) or check.text.lower() in _NO:
            named = _CALLER.sub(" ", f"{check.about} {check.text}")
            yield "", named, f"{check.about} {check.text}".strip()
    for line in snap.logs:
        if _FAILED.search(line.text):
            yield line.about, line.text, line.text


@rule(Fault.NETWORK, "Debug Services", SYMPTOM)
def calls_to_service_fail(snap: Snapshot) -> Iterator[Hit]:
    """Checks or logs of others say that a Service does not answer; joined with how its pods stand.

    Stronger where its own pods are short; counted, so that the most failing callee leads.
    """
    failures = list(_failures(snap))
    names = _names(snap) if failures else []
    count: Counter[Ref] = Counter()
    sample: dict[Ref, tuple[Thing, str]] = {}
    for who, text, line in failures:
        rest = text
        for service, named in names:
            if named.search(rest):
                rest = named.sub(" ", rest)
                if not who.startswith(service.name):
                    count[service.ref] += 1
                    sample.setdefault(service.ref, (service, line))
    total = sum(count.values())
    for ref, times in count.items():
        yield _failing(snap, *sample[ref], times, times / total)


def _failing(snap: Snapshot, service: Thing, line: str, times: int, share: float) -> Hit:
    behind = of_service(snap, service)
    troubled = [w for w in behind if is_troubled(snap, w)]
    second = f"{service.ref} has no workload"
    if behind:
        second = replicas_line(snap, (troubled or behind)[0])
    chain = (*(r for w in behind[:1] for r in about(snap, w)), service.ref)
    strength = (0.5 if troubled else 0.3) + 0.2 * share
    summary = f"calls to {service.name} fail ({times} lines)"
    return Hit(chain, (line, second), summary, strength)


@rule(Fault.CPU, "Assign CPU Resources to Containers and Pods", STATE)
def cpu_limit_too_low(snap: Snapshot) -> Iterator[Hit]:
    """A container's cpu limit is far below its peers', and it is troubled or throttled."""
    limits = {
        (h.ref, str(c.get("name"))): cores
        for h in holders(snap)
        for c in containers(h)
        if (cores := quantity(part_of(c, "resources", "limits").get("cpu"))) is not None
    }
    ordered = sorted(limits.values())
    usual = ordered[len(ordered) // 2] if ordered else 0.0
    for holder in holders(snap):
        for container in containers(holder):
            cores = limits.get((holder.ref, str(container.get("name"))))
            if cores is None or cores > _LOW_CORES or cores > usual / 3:
                continue
            said = next(
                (
                    x.text
                    for x in (*snap.logs, *snap.checks)
                    if holder.name in f"{x.about} {x.text}" and _THROTTLED.search(x.text)
                ),
                "",
            )
            failed = said or (replicas_line(snap, holder) if is_troubled(snap, holder) else "")
            second = failed or f"the usual limit is {usual:g} cores"
            facts = (
                f"{holder.ref} container {container.get('name')}: cpu limit {cores:g} cores",
                second,
            )
            yield Hit(
                about(snap, holder),
                facts,
                f"{holder.name} gets {cores:g} cores",
                0.9 if failed else 0.5,
            )


@rule(Fault.CPU, "Tools for Monitoring Resources", 0.8)
def cpu_used_up(snap: Snapshot) -> Iterator[Hit]:
    """A pod uses as much cpu as its limits allow together, by `kubectl top`."""
    for pod in snap.of("Pod"):
        used = quantity(pod.part("status", "usage").get("cpu"))
        specified = pod if containers(pod) else snap.workload_of(pod)
        limits = [
            quantity(part_of(c, "resources", "limits").get("cpu"))
            for c in (containers(specified) if specified else [])
        ]
        known = [limit for limit in limits if limit]
        if used is None or not known or len(known) < len(limits) or used < 0.9 * sum(known):
            continue
        facts = f"{pod.ref} uses {used:g} cores", f"its cpu limits are {sum(known):g} cores"
        yield Hit(about(snap, pod), facts, f"{pod.name} uses all the cpu it may")


@rule(Fault.UNKNOWN, "Debug Running Pods", 0.2)
def warnings_counted(snap: Snapshot) -> Iterator[Hit]:
    """How many warning events an object has now, whatever they say: never above another rule."""
    warnings = [e for e in snap.events if e.type == "Warning"]
    count = Counter(e.ref for e in warnings)
    first = {e.ref: e for e in reversed(warnings)}
    total = len(warnings)
    for ref, times in count.items():
        thing = snap.find(ref.kind, ref.name, ref.namespace)
        if thing is None:
            continue
        chain = about(snap, thing)
        facts = first[ref].line, f"{times} of {total} warning events"
        yield Hit(chain, facts, f"{times} warnings about {ref.name}", 0.2 * times / total)


RULES = (calls_to_service_fail, cpu_limit_too_low, cpu_used_up, warnings_counted)
