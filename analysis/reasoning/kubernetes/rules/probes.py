"""Probes that ask the wrong port, path or protocol, or ask too early."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.reasoning.kubernetes.findings import STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    containers,
    holders,
    is_ready,
    items_of,
    part_of,
    states,
    status_line,
)

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_ACTIONS = ("httpGet", "tcpSocket", "grpc")
_FAILS = re.compile(
    r"(?P<kind>liveness|readiness|startup) probe (?:failed|errored)"
    r"|failed (?P<killed>liveness|startup) probe",
    re.IGNORECASE,
)
_ENDED = frozenset({None, 0, 2, 137, 143})  # how a container ends that was told to, or killed
_HASTY_S = 5
_PROTOCOL = re.compile(
    r"server gave HTTP response to HTTPS client|malformed HTTP|unsupported protocol"
    r"|transport connection broken|HTTP/2|preface|unexpected EOF|PROTOCOL_ERROR"
    r"|does not implement the grpc health|gRPC.*HTTP|error reading server|: EOF$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Probe:
    container: str
    kind: str  # liveness | readiness | startup
    action: str
    port: str
    body: Json
    declared: frozenset[str]  # numbers and names of the container's ports

    @property
    def line(self) -> str:
        path = part_of(self.body, "httpGet").get("path") or ""
        return f"container {self.container}: {self.kind} probe {self.action} :{self.port}{path}"


def probes(holder: Thing) -> Iterator[Probe]:
    for container in containers(holder):
        declared = {
            str(p[k])
            for p in items_of(container, "ports")
            for k in ("containerPort", "name")
            if p.get(k)
        }
        for name in PROBES:
            body = part_of(container, name)
            action = next((a for a in _ACTIONS if part_of(body, a)), "exec")
            port = str(part_of(body, action).get("port") or "")
            if body:
                kind = name.removesuffix("Probe")
                yield Probe(
                    str(container.get("name")), kind, action, port, body, frozenset(declared)
                )


def _failing(snap: Snapshot, holder: Thing) -> Iterator[tuple[Thing, str, str]]:
    """Pods a probe fails on now: pod, kind of probe, the event's line."""
    for pod in [holder] if holder.ref.kind == "Pod" else snap.pods_of(holder):
        restarts = sum(s.restarts for s in states(pod))
        events = [e for e in snap.events_of(pod) if _FAILS.search(e.message)]
        for event in reversed(events):
            found = _FAILS.search(event.message)
            kind = (found["kind"] or found["killed"]).lower() if found else ""
            # Ready again and never restarted: start-up noise.
            if not is_ready(pod) or (kind != "readiness" and restarts):
                yield pod, kind, event.line
                break


@rule(Fault.PROBE, "Configure Liveness, Readiness and Startup Probes")
def probe_asks_wrong_port(snap: Snapshot) -> Iterator[Hit]:
    """A probe asks a port that its container does not declare, and pods fail it.

    A name that no port has is wrong by itself; a number needs the failing pod as second fact.
    """
    for holder in holders(snap):
        for probe in probes(holder):
            if not probe.port or not probe.declared or probe.port in probe.declared:
                continue
            told = next((t for t in _failing(snap, holder) if t[1] == probe.kind), None)
            pods = [holder] if holder.ref.kind == "Pod" else snap.pods_of(holder)
            bad = next((p for p in pods if not is_ready(p)), None)
            if told is None and bad is None:
                continue
            second = told[2] if told else status_line(bad) if bad else ""
            ports = f"{probe.line}; its ports: {', '.join(sorted(probe.declared))}"
            yield Hit(
                about(snap, holder),
                (ports, second),
                f"{holder.name}: {probe.line} is no port",
                None if told else 0.9,
            )


@rule(Fault.PROBE, "Configure Liveness, Readiness and Startup Probes")
def probe_speaks_wrong_protocol(snap: Snapshot) -> Iterator[Hit]:
    """A probe fails with words of a mismatched protocol, and its action is that protocol."""
    for holder in holders(snap):
        for pod, kind, line in _failing(snap, holder):
            for probe in probes(holder):
                if probe.kind == kind and _PROTOCOL.search(line):
                    facts = probe.line, line
                    yield Hit(
                        about(snap, pod), facts, f"{pod.name}: {kind} probe speaks {probe.action}"
                    )


@rule(Fault.PROBE, "Configure Liveness, Readiness and Startup Probes", 0.9)
def probe_asks_wrong_path(snap: Snapshot) -> Iterator[Hit]:
    """An HTTP probe is answered with 404 or the like, and its path is what it asks for."""
    for holder in holders(snap):
        for pod, kind, line in _failing(snap, holder):
            code = re.search(r"statuscode: (4\d\d)", line)
            for probe in probes(holder):
                path = part_of(probe.body, "httpGet").get("path")
                if code and probe.kind == kind and path:
                    yield Hit(about(snap, pod), (probe.line, line), f"{pod.name} has no {path}")


@rule(Fault.PROBE, "Configure Liveness, Readiness and Startup Probes", 0.9)
def probe_too_hasty(snap: Snapshot) -> Iterator[Hit]:
    """A liveness or startup probe asks the right port, and kills with next to no patience.

    Fewer seconds of delay, period and failures than a start takes, and pods restart for it.
    """
    for holder in holders(snap):
        for pod, kind, line in _failing(snap, holder):
            for probe in probes(holder):
                patience = _patience_s(probe.body)
                is_right = not probe.port or not probe.declared or probe.port in probe.declared
                if probe.kind != kind or kind == "readiness" or patience > _HASTY_S or not is_right:
                    continue
                second = f"{probe.line}: gives up after {patience} s"
                yield Hit(
                    about(snap, pod), (line, second), f"{pod.name}: {kind} probe gives up early"
                )


def _patience_s(body: Json) -> int:
    def number(key: str, default: int) -> int:
        value = body.get(key, default)
        return int(value) if isinstance(value, int | str) and str(value).isdigit() else default

    delay, period = number("initialDelaySeconds", 0), number("periodSeconds", 10)
    return delay + period * number("failureThreshold", 3)


@rule(Fault.PROBE, "Pod Lifecycle", STATE)
def probe_fails(snap: Snapshot) -> Iterator[Hit]:
    """A probe fails, and the pod is still not ready or was restarted for it.

    Weaker than a rule that says what the probe has wrong: the container may be what fails.
    """
    for holder in holders(snap):
        for pod, kind, line in _failing(snap, holder):
            crashed = any(s.last_exit_code not in _ENDED for s in states(pod))
            facts = line, status_line(pod)
            yield Hit(
                about(snap, pod),
                facts,
                f"{kind} probe of {pod.name} fails",
                0.6 if crashed or kind == "readiness" else STATE,
            )


RULES = (
    probe_asks_wrong_port,
    probe_speaks_wrong_protocol,
    probe_asks_wrong_path,
    probe_too_hasty,
    probe_fails,
)
