"""Which anomalies are one trouble, and where it most likely comes from.

Near in time and near on the service graph is one group. Within it the service that shows trouble
of its own (cpu, memory, disk, restarts, a full pool), early, and below which nothing else is
anomalous, outranks those that only wait for it.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from incidents.lifecycle import Severity

NEAR_S = 900.0
NEAR_HOPS = 2
_BLIND_S = 120.0  # how near in time counts where the graph does not know a service

# How much a signal speaks for its own service as the cause, rather than as a victim.
_OWN = {
    "disk": 3.0,
    "memory": 3.0,
    "cpu": 3.0,
    "restarts": 3.0,
    "availability": 2.5,
    "saturation": 1.5,
    "errors": 1.0,
    "latency": 1.0,
    "other": 1.0,
    "traffic": 0.5,
}
_DEEPEST = 1.5
_EARLIEST = 1.0
_EARLY_S = 45.0
_SURGE = 4.0
_WORDS = {
    "errors": "errors",
    "latency": "slow answers",
    "traffic": "unusual traffic",
    "cpu": "high CPU",
    "memory": "growing memory",
    "disk": "disk filling up",
    "saturation": "saturation",
    "restarts": "restarts",
    "availability": "instances down",
    "other": "unusual values",
}


@dataclass(frozen=True)
class Observation:
    """An anomaly as correlation needs it. `opens` is whether it may open an incident by itself."""

    id: str
    service: str
    signal: str
    direction: str  # up | down
    started_at: float
    score: float  # deviations from expected
    value: float
    expected: float
    opens: bool = True


@dataclass(frozen=True)
class Group:
    """Anomalies of one trouble. `reason` says why they belong together and why this service."""

    observations: tuple[Observation, ...]
    service: str
    severity: Severity
    title: str
    reason: str
    started_at: float


class Graph:
    """Who calls whom, with distances that ignore direction."""

    def __init__(self, edges: Iterable[tuple[str, str]]) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self._callers: dict[str, set[str]] = defaultdict(set)
        for caller, callee in edges:
            self._callees[caller].add(callee)
            self._callers[callee].add(caller)

    def knows(self, service: str) -> bool:
        return service in self._callees or service in self._callers

    def callers(self, service: str) -> set[str]:
        return self._callers.get(service, set())

    def below(self, service: str) -> set[str]:
        """Everything `service` depends on, directly or not."""
        return set(_reached(service, self._callees)) - {service}

    def hops(self, one: str, other: str) -> float:
        """Edges between two services; infinite when there is no way."""
        neighbours = {
            s: self._callees.get(s, set()) | self._callers.get(s, set())
            for s in {*self._callees, *self._callers}
        }
        return _reached(one, neighbours).get(other, math.inf)


def _reached(start: str, neighbours: Mapping[str, set[str]]) -> dict[str, int]:
    hops = {start: 0}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in neighbours.get(here, ()):
            if there not in hops:
                hops[there] = hops[here] + 1
                waiting.append(there)
    return hops


def link(one: str, other: str, apart_s: float, graph: Graph) -> str:
    """Why trouble at two services, `apart_s` seconds apart, is one trouble; "" if it is not."""
    if apart_s > NEAR_S:
        return ""
    if one == other:
        return f"same service, {apart_s:.0f} s apart"
    if not (graph.knows(one) and graph.knows(other)):
        return f"{apart_s:.0f} s apart, topology not known" if apart_s <= _BLIND_S else ""
    hops = graph.hops(one, other)
    return f"{hops:.0f} hops and {apart_s:.0f} s apart" if hops <= NEAR_HOPS else ""


def correlate(observations: Sequence[Observation], edges: Iterable[tuple[str, str]]) -> list[Group]:
    """Groups that hold at least one observation that may open an incident, earliest first.

    `edges` are (caller, callee). Two observations are together when within 15 minutes and 2 hops,
    also through others of their group.
    """
    graph = Graph(edges)
    groups: list[list[Observation]] = []
    for seen in sorted(observations, key=lambda o: (o.started_at, o.id)):
        near = [g for g in groups if any(_are_linked(seen, other, graph) for other in g)]
        groups = [g for g in groups if g not in near]
        groups.append([*(o for g in near for o in g), seen])
    found = [describe(group, graph) for group in groups if any(o.opens for o in group)]
    return sorted(found, key=lambda group: group.started_at)


def _are_linked(one: Observation, other: Observation, graph: Graph) -> bool:
    return bool(link(one.service, other.service, abs(one.started_at - other.started_at), graph))


def describe(observations: Sequence[Observation], graph: Graph) -> Group:
    """What a set of anomalies amounts to: the service, how bad, in words."""
    service, why = suspect(observations, graph)
    own = [o for o in observations if o.service == service]
    signals = sorted({o.signal for o in own}, key=lambda s: (-_OWN.get(s, 1.0), s))
    words = " and ".join(_WORDS.get(s, s) for s in signals[:2])
    hit = sorted({o.service for o in observations})
    others = f"; also hit: {', '.join(s for s in hit if s != service)}" if len(hit) > 1 else ""
    return Group(
        observations=tuple(observations),
        service=service,
        severity=severity_of(observations, graph),
        title=f"{service}: {words}",
        reason=f"{_together(len(observations))}; {why}{others}",
        started_at=min(o.started_at for o in observations),
    )


def _together(number: int) -> str:
    return f"{number} anomalies near in time and on the graph" if number > 1 else "one anomaly"


def suspect(observations: Sequence[Observation], graph: Graph) -> tuple[str, str]:
    """The service the trouble most likely comes from, and why it was preferred."""
    by_service: dict[str, list[Observation]] = defaultdict(list)
    for seen in observations:
        by_service[seen.service].append(seen)
    earliest = min(o.started_at for o in observations)
    points: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for service, own in by_service.items():
        strongest = max(own, key=lambda o: _OWN.get(o.signal, 1.0))
        points[service] = _OWN.get(strongest.signal, 1.0) + 0.2 * math.log10(1 + strongest.score)
        reasons[service] = f"{service} shows {_WORDS.get(strongest.signal, strongest.signal)}"
        lag = min(o.started_at for o in own) - earliest
        points[service] += _EARLIEST * math.exp(-lag / _EARLY_S)
        if not graph.below(service) & set(by_service):
            points[service] += _DEEPEST
            reasons[service] += " with nothing anomalous below it"
        if _is_where_a_surge_enters(service, by_service, graph):
            points[service] += _SURGE
            reasons[service] = f"more traffic than usual enters at {service}"
    best = max(sorted(points), key=lambda s: points[s])
    return best, reasons[best]


def _is_where_a_surge_enters(
    service: str, by_service: Mapping[str, Sequence[Observation]], graph: Graph
) -> bool:
    def surges(name: str) -> bool:
        return any(o.signal == "traffic" and o.direction == "up" for o in by_service.get(name, ()))

    return surges(service) and not any(surges(caller) for caller in graph.callers(service))


def severity_of(observations: Sequence[Observation], graph: Graph) -> Severity:
    """From what fails, how much, and whether it reaches where users come in.

    Critical: at the entrance (a service nobody calls) or anywhere, half of the requests fail or
    the instances are down. High: errors or slowness at the entrance, restarts, or a resource
    about to end. Medium: the rest.
    """
    severity = Severity.MEDIUM
    for seen in observations:
        if (seen.signal == "errors" and seen.value >= 0.5) or seen.signal == "availability":
            return Severity.CRITICAL
        is_entrance = graph.knows(seen.service) and not graph.callers(seen.service)
        if seen.signal == "restarts" or (is_entrance and seen.signal in {"errors", "latency"}):
            severity = Severity.HIGH
    return severity
