"""Which anomalies are one trouble, and where it most likely comes from.

Near in time and near on the service graph is one group. Within it the service that shows trouble
of its own (cpu, memory, disk, restarts, a full pool), early, and below which nothing else is
anomalous, outranks those that only wait for it.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airra.lib.quantities import count, span
from analysis.perception import severity
from analysis.perception.graph import NEAR_HOPS, Graph
from analysis.types import Observation, Trouble
from incidents.lifecycle import Severity

NEAR_S = 900.0
BLIND_S = 120.0  # how near in time counts where the graph does not know a service

# How much a signal, or a kind of trouble, speaks for its own service as the cause rather than as
# a victim. The kind is asked first.
_OWN: dict[str, float] = {
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
    Trouble.COUNTER_RESET: 2.5,
    Trouble.MISSING: 2.0,
    Trouble.EDGE_GAP: 0.8,
    Trouble.EDGE_ERRORS: 0.9,
    Trouble.EDGE_LATENCY: 0.9,
    Trouble.VANISHED_CALLS: 0.7,
    Trouble.NEW_TEMPLATE: 0.8,
    Trouble.TEMPLATE_SURGE: 0.8,
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
# The direction in which a signal is no trouble, unless its kind is one without direction.
_WELCOME = {
    "availability": "up",
    "errors": "down",
    "latency": "down",
    "restarts": "down",
    "saturation": "down",
}
_WITHOUT_DIRECTION = frozenset(
    {
        Trouble.MISSING,
        Trouble.FLATLINE,
        Trouble.VARIANCE,
        Trouble.COUNTER_RESET,
        Trouble.SATURATION,
        Trouble.NEW_TEMPLATE,
        Trouble.TEMPLATE_SURGE,
        Trouble.VANISHED_CALLS,
    }
)


@dataclass(frozen=True)
class Group:
    """Anomalies of one trouble, earliest and then deepest first, with the reasons for it all."""

    observations: tuple[Observation, ...]
    service: str
    severity: Severity
    severity_reason: str
    title: str
    reason: str
    started_at: float


def why_welcome(seen: Observation) -> str:
    """Why an anomaly is no trouble at all: a change for the better. "" when it is trouble."""
    is_better = _WELCOME.get(seen.signal) == seen.direction
    if not is_better or seen.kind in _WITHOUT_DIRECTION:
        return ""
    return f"{seen.signal} that goes {seen.direction} is not trouble"


def places_of(seen: Observation) -> tuple[str, ...]:
    """Where an anomaly shows: its service and, of a call, the caller that suffers it."""
    return (seen.service, seen.victim) if seen.victim else (seen.service,)


def link(one: str, other: str, apart_s: float, graph: Graph) -> str:
    """Why trouble at two services, `apart_s` seconds apart, is one trouble; "" if it is not."""
    if apart_s > NEAR_S:
        return ""
    if one == other:
        return f"same service, {span(apart_s)} apart"
    if not (graph.knows(one) and graph.knows(other)):
        return f"{span(apart_s)} apart, topology not known" if apart_s <= BLIND_S else ""
    hops = graph.hops(one, other)
    if hops > NEAR_HOPS:
        return ""
    return f"{count(int(hops), 'hop')} and {span(apart_s)} apart"


class _Sets:
    """Disjoint sets of observations by their number."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def unite(self, one: int, other: int) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first


def correlate(observations: Iterable[Observation], graph: Graph) -> list[tuple[Observation, ...]]:
    """The observations as groups of one trouble each, earliest first; the order given is nothing.

    Two are together when `link` says so of any of their places, also through others of their
    group. Work grows with the observations times the neighbours of a service: taken in order of
    time, only the latest one at each place can matter.
    """
    ordered = sorted(observations, key=lambda o: (o.started_at, o.id))
    sets = _Sets(len(ordered))
    latest: dict[str, int] = {}
    for number, seen in enumerate(ordered):
        for place in places_of(seen):
            for near in graph.near(place):
                other = latest.get(near)
                if other is not None and seen.started_at - ordered[other].started_at <= NEAR_S:
                    sets.unite(number, other)
        latest.update(dict.fromkeys(places_of(seen), number))
    _unite_blind(ordered, sets, graph)
    groups: dict[int, list[Observation]] = defaultdict(list)
    for number, seen in enumerate(ordered):
        groups[sets.find(number)].append(seen)
    return [tuple(group) for group in groups.values()]


def _unite_blind(ordered: Sequence[Observation], sets: _Sets, graph: Graph) -> None:
    """Where the graph does not know a service, being close in time is enough.

    What a stranger has met is one group from then on, so one of it may stand for all: each
    observation waits and leaves once.
    """
    waiting: deque[int] = deque()
    stranger: int | None = None
    for number, seen in enumerate(ordered):
        while waiting and seen.started_at - ordered[waiting[0]].started_at > BLIND_S:
            waiting.popleft()
        if not all(graph.knows(place) for place in places_of(seen)):
            for other in waiting:
                sets.unite(number, other)
            waiting.clear()
            stranger = number
        elif stranger is not None and seen.started_at - ordered[stranger].started_at <= BLIND_S:
            sets.unite(number, stranger)
        waiting.append(number)


def describe(observations: Sequence[Observation], graph: Graph, tiers: Mapping[str, int]) -> Group:
    """What a set of anomalies amounts to: the service, how bad, in words."""
    troubled = {o.service for o in observations}
    above = graph.with_trouble_below(troubled)
    ordered = sorted(observations, key=lambda o: (o.started_at, o.service in above, o.id))
    service, why = suspect(ordered, graph, above)
    words = " and ".join(_words_of([o for o in ordered if o.service == service])[:2])
    hit = sorted({place for o in ordered for place in places_of(o)} - {service})
    shown = ", ".join(hit[:6]) + (f" and {len(hit) - 6} more" if len(hit) > 6 else "")
    ruling = severity.of_observations(ordered, graph, tiers)
    return Group(
        observations=tuple(ordered),
        service=service,
        severity=ruling.severity,
        severity_reason=ruling.reason,
        title=f"{service}: {words}",
        reason=f"{_together(len(ordered))}; {why}" + (f"; also hit: {shown}" if hit else ""),
        started_at=ordered[0].started_at,
    )


def _together(number: int) -> str:
    return f"{number} anomalies near in time and on the graph" if number > 1 else "one anomaly"


def _own(seen: Observation) -> float:
    return _OWN.get(seen.kind, _OWN.get(seen.signal, 1.0))


def _word(seen: Observation) -> str:
    return seen.kind.label if seen.kind in _OWN else _WORDS.get(seen.signal, seen.signal)


def _words_of(own: Sequence[Observation]) -> list[str]:
    """What its anomalies are, what speaks most for the service itself first."""
    strongest: dict[str, float] = {}
    for seen in own:
        word = _word(seen)
        strongest[word] = max(strongest.get(word, 0.0), _own(seen))
    return sorted(strongest, key=lambda word: (-strongest[word], word))


def suspect(observations: Sequence[Observation], graph: Graph, above: set[str]) -> tuple[str, str]:
    """The service the trouble most likely comes from, and why it was preferred.

    `above` are the services below which something else is anomalous.
    """
    by_service: dict[str, list[Observation]] = defaultdict(list)
    for seen in observations:
        by_service[seen.service].append(seen)
    earliest = min(o.started_at for o in observations)
    points: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for service, own in by_service.items():
        strongest = max(own, key=lambda o: (_own(o), o.score, o.id))
        points[service] = _own(strongest) + 0.2 * math.log10(1 + max(strongest.score, 0.0))
        reasons[service] = f"{service} shows {_word(strongest)}"
        lag = min(o.started_at for o in own) - earliest
        points[service] += _EARLIEST * math.exp(-lag / _EARLY_S)
        if service not in above:
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
