"""The scene of an incident: what shifted where and when, who calls whom, what was changed.

A view over the ledger that the offline reasoner argues from (`root-cause.md` §3). No names of
services or metrics beyond the vocabulary of `Detector.Signal` appear here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.reasoning.ledger import F, Ledger
from analysis.reasoning.rootcause import live
from analysis.types import (
    BROKEN,
    ChangeFact,
    ClueFact,
    Edge,
    IncidentContext,
    Mechanism,
    Onset,
    State,
    Steady,
    TemplateSpike,
)

Place = tuple[str, bool]  # a service, and whether the way to it has gone up to a caller
OWN = ("memory", "disk", "pool", "queue", "threads", "cpu", "restarts")
SYMPTOMS = ("errors", "latency", "availability")
CAUSING = frozenset({"deploy", "config", "flag"})
SLOWER = 2.0  # a call that takes this many times as long is slow
SLOWER_S = 0.1  # and this much longer: a quiet call's wiggle is none
FAILING = 0.05  # more of its calls fail
MOSTLY = 0.6  # of what a call grew by, which nobody accounts for


@dataclass(frozen=True)
class Telling:
    """A state that names a fault by itself: `value` and worse, `op` saying which way is worse."""

    field: str
    op: str  # >= | <=
    value: float
    mechanism: Mechanism
    words: str

    def is_met_by(self, state: State) -> bool:
        try:
            number = float(state.value)
        except ValueError:
            return False
        return number >= self.value if self.op == ">=" else number <= self.value


TELLING = (
    Telling("certificate_days_left", "<=", 0.0, Mechanism.EXPIRY, "the certificate of {0} ended"),
    Telling("deadlocks_10m", ">=", 1.0, Mechanism.DB_LOCK, "transactions of {0} lock each other"),
    Telling("dns_resolves", "<=", 0.0, Mechanism.NETWORK, "the name of {0} has no address"),
)


@dataclass(frozen=True)
class Scene:
    ctx: IncidentContext
    ledger: Ledger

    @cached_property
    def onsets(self) -> tuple[Onset, ...]:
        """Of services that are known, by the one look at all of them.

        Closer looks tell of single instances and of expressions that somebody made up.
        """
        found = [o for o in self._seen(Onset) if o.entity in self._known]
        return tuple(sorted(found, key=lambda o: (o.at, o.entity, o.signal)))

    def _seen(self, kind: type[F]) -> Iterator[F]:
        entries = self.ledger.by_tool("get_onsets")
        return self.ledger.facts(kind, [entry.seq for entry in entries])

    @cached_property
    def _known(self) -> frozenset[str]:
        ends = [name for edge in self.edges for name in (edge.src, edge.dst)]
        return frozenset([*self.ctx.services, self.ctx.service, *ends])

    @cached_property
    def steady(self) -> frozenset[tuple[str, str]]:
        return frozenset((s.entity, s.signal) for s in self._seen(Steady))

    @cached_property
    def blame(self) -> Mapping[str, float]:
        """How likely each service is the cause by the clues of its own signals; empty without."""
        clues = [clue for clue in self._seen(ClueFact) if clue.entity in self._known]
        return live.weigh(clues, sorted(self._known)).of if clues else {}

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """One edge a pair, the one that traces compared where there is one."""
        best: dict[tuple[str, str], Edge] = {}
        for edge in [*self.ctx.edges, *self.ledger.facts(Edge)]:
            key = edge.src, edge.dst
            if key not in best or edge.calls_during + edge.calls_before > (
                best[key].calls_during + best[key].calls_before
            ):
                best[key] = edge
        return tuple(best.values())

    @cached_property
    def first_at(self) -> float:
        return self.onsets[0].at if self.onsets else self.ctx.started_at

    def onset(self, entity: str, signal: str) -> Onset | None:
        """The shift of a signal for the worse; only availability and traffic may fall."""
        return next((o for o in self.of(entity) if o.signal == signal), None)

    def of(self, entity: str) -> list[Onset]:
        return [o for o in self.onsets if o.entity == entity]

    def symptoms(self, entity: str) -> list[Onset]:
        return [o for o in self.of(entity) if o.signal in SYMPTOMS]

    def main_symptom(self, entity: str) -> Onset | None:
        """The plainest shift its callers feel, else its plainest shift at all."""
        own = self.symptoms(entity) or self.of(entity)
        return max(own, key=lambda o: min(o.magnitude, 100.0), default=None)

    def calls_failing(self, entity: str) -> list[tuple[str, Onset]]:
        """Callees this service's own client metrics say are failing it."""
        marker = " calling "
        return [
            (o.signal.split(marker, 1)[1], o)
            for o in self.of(entity)
            if marker in o.signal and o.direction == "up"
        ]

    def callees(self, entity: str) -> list[str]:
        return [e.dst for e in self.edges if e.src == entity]

    def callers(self, entity: str) -> list[str]:
        return [e.src for e in self.edges if e.dst == entity]

    def edge(self, src: str, dst: str) -> Edge | None:
        return next((e for e in self.edges if (e.src, e.dst) == (src, dst)), None)

    def is_hurt_by(self, entity: str, callee: str) -> bool:
        """Whether calls to this callee got slow or fail more, by traces or client metrics."""
        edge = self.edge(entity, callee)
        if edge is not None and edge.calls_during:
            slow = edge.latency_during_s > SLOWER * edge.latency_before_s
            slow = slow and edge.latency_during_s - edge.latency_before_s > SLOWER_S
            slow = slow and not self._finds_slow(edge)
            if slow or edge.error_share_during > edge.error_share_before + FAILING:
                return True
        return any(name == callee for name, _ in self.calls_failing(entity))

    def is_lost(self, edge: Edge) -> bool:
        """Whether most of what calls of this edge grew by is spent by neither side."""
        grown = edge.latency_during_s - edge.latency_before_s
        return self.lost_s(edge) >= max(SLOWER_S, MOSTLY * grown)

    def _finds_slow(self, edge: Edge) -> bool:
        """Who has no CPU left finds every call slow, though the other side answers as ever."""
        return self.onset(edge.src, "cpu") is not None and self.is_lost(edge)

    def hurting_callees(self, entity: str) -> list[str]:
        named = [name for name, _ in self.calls_failing(entity)]
        return [
            c for c in dict.fromkeys([*self.callees(entity), *named]) if self.is_hurt_by(entity, c)
        ]

    def entities(self) -> list[str]:
        """Whoever shifted, is only seen as a failing callee, or was found broken by a rule."""
        shifted = [o.entity for o in self.onsets]
        outside = [c for e in dict.fromkeys(shifted) for c in self.hurting_callees(e)]
        states = list(self.ledger.facts(State))
        broken = [s.entity for s in states if s.field.startswith(BROKEN)]
        told = [s.entity for s in states if any(self.telling(s.entity, t) for t in TELLING)]
        return list(dict.fromkeys([*shifted, *outside, *broken, *told]))

    def broken(self, entity: str) -> list[State]:
        """What rules over the platform's objects found of it, the surest first."""
        found = self.ledger.facts(State)
        return [s for s in found if s.entity == entity and s.field.startswith(BROKEN)]

    def telling(self, entity: str, what: Telling) -> State | None:
        """The newest state of this field, where it names a fault."""
        found = [s for s in self.ledger.facts(State) if (s.entity, s.field) == (entity, what.field)]
        newest = max(found, key=lambda s: s.at, default=None)
        return newest if newest is not None and what.is_met_by(newest) else None

    def lost_s(self, edge: Edge) -> float:
        """Seconds by which calls of this edge grew and nobody accounts for; 0 where none can tell.

        Only a callee with server spans of its own can account for anything.
        """
        if not edge.self_before_s or not edge.self_during_s:
            return 0.0
        grown = edge.latency_during_s - edge.latency_before_s
        own = max(edge.self_during_s - edge.self_before_s, 0.0)
        below = [
            max(e.latency_during_s - e.latency_before_s, 0.0)
            for e in self.edges
            if e.src == edge.dst
        ]
        return max(grown - own - sum(below), 0.0)

    def is_ours(self, entity: str) -> bool:
        """Whether we see into it: it is watched, or its own spans are in the traces."""
        spans = any(e.dst == entity and e.self_before_s + e.self_during_s > 0 for e in self.edges)
        return spans or self.is_watched(entity)

    def is_watched(self, entity: str) -> bool:
        return any(e == entity for e, _ in self.steady) or bool(self.of(entity))

    def changes(self, entity: str) -> list[ChangeFact]:
        """Changes people made to it; a first release replaces nothing and a restart is no cause."""
        return [
            c
            for c in self.ledger.facts(ChangeFact)
            if c.entity == entity and c.change in CAUSING and (c.before or c.change == "flag")
        ]

    def spikes(self, entity: str) -> list[TemplateSpike]:
        found = [s for s in self.ledger.facts(TemplateSpike) if s.entity == entity]
        bad = [s for s in found if s.level.lower() in {"error", "critical", "warning", "fatal"}]
        return sorted(bad, key=lambda s: (not s.is_new, -s.count))

    def state(self, entity: str, name: str) -> float | None:
        for state in self.ledger.facts(State):
            if (state.entity, state.field) == (entity, name):
                return float(state.value)
        return None

    def path(self, start: str, end: str) -> tuple[str, ...]:
        """The shortest way from cause to symptom, up through callers where there is one.

        Else down with the load and up from where it is too much; only the start where neither is.
        """
        return (
            _shortest((start, True), end, self._steps)
            or _shortest((start, False), end, self._steps)
            or (start,)
        )

    def _steps(self, place: Place) -> list[Place]:
        """Callers, and callees as long as the way has not gone up."""
        entity, went_up = place
        up = [(name, True) for name in self.callers(entity)]
        return up if went_up else [*up, *((name, False) for name in self.callees(entity))]

    def reach(self, entity: str) -> set[str]:
        """Services that feel this one: its callers, and theirs."""
        seen, todo = {entity}, [entity]
        while todo:
            for caller in self.callers(todo.pop()):
                if caller not in seen:
                    seen.add(caller)
                    todo.append(caller)
        return seen

    def suspects(self) -> list[str]:
        """Services worth a closer look: early, own resources, deep in the call graph."""

        def rank(entity: str) -> tuple[float, float]:
            own = any(o.signal in OWN for o in self.of(entity))
            deep = len(self.hurting_callees(entity)) == 0
            first = min((o.at for o in self.of(entity)), default=self.first_at)
            return -(1.0 * own + 1.0 * deep), first

        watched = [e for e in self.entities() if self.of(e)]
        return sorted(watched or [self.ctx.service], key=rank)


def suspects(ctx: IncidentContext, ledger: Ledger) -> Sequence[str]:
    """The services to look at closely, the incident's own always among them."""
    ranked = [s for s in Scene(ctx, ledger).suspects() if s]
    own = [ctx.service] if ctx.service else []
    return list(dict.fromkeys([*ranked[:2], *own, *ranked[2:]]))


def _shortest(start: Place, end: str, steps: Callable[[Place], list[Place]]) -> tuple[str, ...]:
    ways: list[tuple[Place, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        if way[-1][0] == end:
            return tuple(name for name, _ in way)
        for step in steps(way[-1]):
            if step not in seen:
                seen.add(step)
                ways.append((*way, step))
    return ()
