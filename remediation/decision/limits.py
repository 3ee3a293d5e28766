"""How much AIRRA may do at all, whatever the risk: counts against limits. Pure.

Read when planning, and again in the transaction that claims: there a limit that passes by itself
makes the claim wait, and one that does not ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The most that is allowed. Lowering one tightens; each must be within its bounds."""

    per_incident: int = 3  # actions for one incident, ever; each target of each step is one
    per_target: int = 2  # actions on one target within six hours
    nearby: int = 1  # at once on a service and those it calls or is called by
    fleet_share: float = 0.25  # of the replicas of one service at once; one in any case
    per_hour: int = 6  # in the whole installation


# name: (least, most) that may be set
BOUNDS: dict[str, tuple[float, float]] = {
    "per_incident": (0, 10),
    "per_target": (0, 5),
    "nearby": (1, 5),
    "fleet_share": (0.0, 0.5),
    "per_hour": (0, 60),
}


@dataclass(frozen=True)
class Counts:
    """What has been done or is going on, target by target, without the one that is judged."""

    on_incident: int = 0
    on_target: int = 0  # within six hours
    nearby: int = 0  # in flight in the dependency neighbourhood
    of_fleet: int = 0  # targets of the same service in flight, those of the same step too
    fleet: int = 0  # its replicas; 0: not known, so one at a time
    last_hour: int = 0


@dataclass(frozen=True)
class Rule:
    """One limit: its name, what is said when it is reached, and whether waiting helps."""

    name: str
    reason: str
    passes: bool  # it clears by itself: a claim waits for it
    is_reached: Callable[[Limits, Counts], bool]


def fleet_allowance(limits: Limits, fleet: int) -> int:
    """How many of a fleet may be in flight at once: the share, and one in any case."""
    return max(1, int(limits.fleet_share * fleet))


RULES: tuple[Rule, ...] = (
    Rule(
        "actions per incident",
        "the incident has used up its actions",
        passes=False,
        is_reached=lambda lim, n: n.on_incident >= lim.per_incident,
    ),
    Rule(
        "actions per target",
        "the target had its actions of six hours",
        passes=False,
        is_reached=lambda lim, n: n.on_target >= lim.per_target,
    ),
    Rule(
        "one at a time nearby",
        "another action is under way on this service or its neighbours",
        passes=True,
        is_reached=lambda lim, n: n.nearby >= lim.nearby,
    ),
    Rule(
        "share of the fleet",
        "too many replicas of this service are being worked on",
        passes=True,
        is_reached=lambda lim, n: n.of_fleet >= fleet_allowance(lim, n.fleet),
    ),
    Rule(
        "actions per hour",
        "too many actions within an hour",
        passes=True,
        is_reached=lambda lim, n: n.last_hour >= lim.per_hour,
    ),
)


def reached(limits: Limits, counts: Counts) -> tuple[Rule, ...]:
    """The limits that hold the action back; zero actions an incident or hour hold everything."""
    return tuple(rule for rule in RULES if rule.is_reached(limits, counts))
