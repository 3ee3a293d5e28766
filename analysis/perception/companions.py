"""Incidents that are one trouble, to be investigated once and together. Pure.

The rule by which anomalies become one incident (`correlate.link`) also says which incidents belong
together: alerts of other systems open one incident a service, whatever made all of them fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.perception.correlate import NEAR_S, link
from analysis.perception.graph import Graph

STORM = 5  # more incidents than this at once are a storm
SETTLE_S = 45.0  # rates are averaged over half a minute: sooner, late causes look well
QUIET_S = 10.0  # after the newest member was opened: more may be on their way
PATIENCE_S = 120.0  # a group that never stops growing is looked into all the same


@dataclass(frozen=True)
class Arrival:
    """An open incident. `severity` is its rank, 0 the worst; times are Unix seconds."""

    incident: str
    key: str
    service: str
    severity: int
    started_at: float
    opened_at: float


@dataclass(frozen=True)
class Companion:
    """A member of a group, and why it belongs to the one that leads it; "" for the leader."""

    arrival: Arrival
    why: str = ""


def group_of(one: Arrival, others: Sequence[Arrival], graph: Graph) -> list[Companion]:
    """`one` and those it is linked to, directly or through others; the leader first.

    The most severe leads, of these the one that was opened first. Nobody is linked to what began
    more than `NEAR_S` from `one`.
    """
    near = [a for a in others if abs(a.started_at - one.started_at) <= NEAR_S]
    found = {one.incident: one}
    waiting = [one]
    while waiting:
        here = waiting.pop()
        for other in near:
            if other.incident not in found and _link(here, other, graph):
                found[other.incident] = other
                waiting.append(other)
    ranked = sorted(found.values(), key=lambda a: (a.severity, a.opened_at, a.incident))
    leader = ranked[0]
    return [
        Companion(leader),
        *(Companion(a, _link(leader, a, graph) or "near through others") for a in ranked[1:]),
    ]


def ready_at(group: Sequence[Companion]) -> float:
    """From when the signals of a group have settled, Unix seconds."""
    members = [companion.arrival for companion in group]
    settled = max(max(a.started_at + SETTLE_S, a.opened_at + QUIET_S) for a in members)
    return min(settled, min(a.opened_at for a in members) + PATIENCE_S)


def is_storm(group: Sequence[Companion]) -> bool:
    return len(group) > STORM


def _link(one: Arrival, other: Arrival, graph: Graph) -> str:
    """Why two incidents are one trouble."""
    return link(_place(one), _place(other), abs(one.started_at - other.started_at), graph)


def _place(arrival: Arrival) -> str:
    """Where it is; an incident without a service is somewhere that no graph knows."""
    return arrival.service or f"somewhere ({arrival.incident})"
