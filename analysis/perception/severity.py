"""How severe trouble is: what fails and how much of it, and what depends on the service.

Two small tables (`RULES`, `MATRIX`); docs/reference/severity.md shows them and a test compares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from airra.lib.quantities import percent, quantity
from analysis.perception.graph import Graph
from analysis.types import Observation, Trouble
from incidents.lifecycle import Severity

MANY = 3  # services that depend on one before it counts as depended on
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Impact(IntEnum):
    SLIGHT = 0
    PARTIAL = 1
    SERIOUS = 2
    TOTAL = 3


class Reach(IntEnum):
    ASIDE = 0
    INSIDE = 1
    DEPENDED_ON = 2
    ENTRANCE = 3


class Measure(StrEnum):
    """What of an anomaly says how much."""

    NOTHING = "nothing: it is there or not"
    SHARE = "the share that fails"
    LOST = "the share that is down"
    OF_LIMIT = "the share of its limit"
    FLOORS = "distance from expected, in floors of its detector"
    BURN = "times the rate that just keeps the objective"


@dataclass(frozen=True)
class Rule:
    """`steps` are (at least, impact), ascending; the first holds from nothing on."""

    what: str
    kinds: frozenset[Trouble]
    signals: frozenset[str]
    measure: Measure
    steps: tuple[tuple[float, Impact], ...]


def _rule(
    what: str,
    measure: Measure,
    *steps: tuple[float, Impact],
    kinds: Iterable[Trouble] = (),
    signals: Iterable[str] = (),
) -> Rule:
    return Rule(what, frozenset(kinds), frozenset(signals), measure, steps)


_SLIGHT, _PARTIAL, _SERIOUS, _TOTAL = Impact
_T = Trouble

# The first that names the kind of the anomaly holds, else the first that names its signal.
RULES: tuple[Rule, ...] = (
    _rule("calls that stopped", Measure.NOTHING, (0, _SERIOUS), kinds=[_T.VANISHED_CALLS]),
    _rule(
        "no data, or values that froze",
        Measure.NOTHING,
        (0, _PARTIAL),
        kinds=[_T.MISSING, _T.FLATLINE],
    ),
    _rule(
        "log messages, resets, restlessness",
        Measure.NOTHING,
        (0, _SLIGHT),
        kinds=[_T.NEW_TEMPLATE, _T.TEMPLATE_SURGE, _T.COUNTER_RESET, _T.VARIANCE],
    ),
    _rule(
        "error budget burning",
        Measure.BURN,
        (0, _PARTIAL),
        (14.4, _SERIOUS),
        kinds=[_T.BURN_RATE],
    ),
    _rule(
        "errors",
        Measure.SHARE,
        (0, _PARTIAL),
        (1 / 3, _SERIOUS),
        (1 / 2, _TOTAL),
        kinds=[_T.EDGE_ERRORS],
        signals=["errors"],
    ),
    _rule(
        "slow answers",
        Measure.FLOORS,
        (0, _PARTIAL),
        (20, _SERIOUS),
        kinds=[_T.EDGE_LATENCY, _T.EDGE_GAP],
        signals=["latency"],
    ),
    _rule(
        "instances down",
        Measure.LOST,
        (0, _SERIOUS),
        (1 / 2, _TOTAL),
        signals=["availability"],
    ),
    _rule("restarts", Measure.NOTHING, (0, _SERIOUS), signals=["restarts"]),
    _rule(
        "a resource in use",
        Measure.OF_LIMIT,
        (0, _PARTIAL),
        (0.95, _SERIOUS),
        kinds=[_T.SATURATION, _T.FORECAST_BREACH],
        signals=["cpu", "memory", "disk", "saturation"],
    ),
    _rule(
        "anything else",
        Measure.FLOORS,
        (0, _SLIGHT),
        (10, _PARTIAL),
        signals=["traffic", "other"],
    ),
)

_S = Severity
# Columns: aside, inside, depended on, entrance.
MATRIX: dict[Impact, tuple[Severity, Severity, Severity, Severity]] = {
    _SLIGHT: (_S.LOW, _S.LOW, _S.MEDIUM, _S.MEDIUM),
    _PARTIAL: (_S.LOW, _S.MEDIUM, _S.HIGH, _S.HIGH),
    _SERIOUS: (_S.MEDIUM, _S.HIGH, _S.HIGH, _S.CRITICAL),
    _TOTAL: (_S.HIGH, _S.CRITICAL, _S.CRITICAL, _S.CRITICAL),
}
_BY_TIER = {1: 1, 2: 0, 3: -1}  # steps of reach; critical, important, supporting
# What reaching a limit would do; steps down while there is time; nothing foretold is critical.
_WOULD = dict.fromkeys(("disk", "memory", "saturation", "availability"), _SERIOUS)
_ORDER = tuple(Severity)  # most severe first


@dataclass(frozen=True)
class Ruling:
    severity: Severity
    reason: str


def rule_of(seen: Observation) -> Rule:
    by_kind = (rule for rule in RULES if seen.kind in rule.kinds)
    by_signal = (rule for rule in RULES if seen.signal in rule.signals)
    return next(by_kind, None) or next(by_signal, RULES[-1])


def impact_of(seen: Observation) -> Impact:
    rule = rule_of(seen)
    amount = _amount(seen, rule.measure)
    return max(impact for least, impact in rule.steps if amount >= least or least == 0)


def _amount(seen: Observation, measure: Measure) -> float:
    """How much, in the measure of its rule; 0 where that is not known."""
    match measure:
        case Measure.SHARE:
            return seen.value if seen.unit in {"", "ratio"} else 0.0
        case Measure.BURN:
            return seen.value
        case Measure.LOST:
            return 1 - seen.value
        case Measure.FLOORS:
            return abs(seen.value - seen.expected) / seen.floor if seen.floor > 0 else 0.0
        case Measure.OF_LIMIT:
            return _of_limit(seen)
        case Measure.NOTHING:
            return 0.0


def _of_limit(seen: Observation) -> float:
    limit = seen.limit if seen.limit is not None else 1.0 if seen.unit == "ratio" else None
    if limit is None:
        return 0.0
    if seen.direction == "down":  # what is left, towards a limit below
        return limit / seen.value if seen.value > limit else 1.0
    return seen.value / limit if limit > 0 else 0.0


def reach_of(service: str, graph: Graph, tiers: Mapping[str, int]) -> tuple[Reach, str]:
    """How far trouble of the service reaches, and why in words."""
    dependants = graph.dependants(service)
    if graph.is_entrance(service):
        reach, why = Reach.ENTRANCE, "where users come in"
    elif dependants >= MANY:
        reach, why = Reach.DEPENDED_ON, f"which {dependants} services depend on"
    else:
        reach, why = Reach.INSIDE, "with little depending on it"
    step = _BY_TIER.get(tiers.get(service, 2), 0)
    if step:
        why += ", a critical service" if step > 0 else ", a supporting service"
    return Reach(min(max(reach + step, Reach.ASIDE), Reach.ENTRANCE)), why


def of_observations(seen: Iterable[Observation], graph: Graph, tiers: Mapping[str, int]) -> Ruling:
    """The worst that any of these anomalies amounts to. At least one is needed."""
    worst: dict[str, tuple[Impact, Observation]] = {}
    for one in seen:
        impact = impact_of(one)
        known = worst.get(one.service)
        if known is None or _is_worse((impact, one), known):
            worst[one.service] = impact, one
    rulings = (
        _ruling(impact, one, *reach_of(service, graph, tiers))
        for service, (impact, one) in sorted(worst.items())
    )
    return min(rulings, key=lambda r: _ORDER.index(r.severity))


def _is_worse(one: tuple[Impact, Observation], other: tuple[Impact, Observation]) -> bool:
    """By impact; ties go to what began first, so that the order of arrival says nothing."""
    return (-one[0], one[1].started_at, one[1].id) < (-other[0], other[1].started_at, other[1].id)


def _ruling(impact: Impact, seen: Observation, reach: Reach, why: str) -> Ruling:
    return Ruling(
        MATRIX[impact][reach],
        f"{_words(seen)} at {seen.service} is {impact.name.lower()}, {why}",
    )


def _words(seen: Observation) -> str:
    rule = rule_of(seen)
    if rule.measure is Measure.LOST:
        return f"{percent(1 - seen.value)} of the instances down"
    named = seen.kind.label if seen.kind in rule.kinds else seen.signal
    if rule.measure is Measure.NOTHING:
        return named
    return f"{named} of {quantity(seen.value, seen.unit)}"


def of_outlook(
    *, signal: str, service: str, in_s: float, graph: Graph, tiers: Mapping[str, int]
) -> Ruling:
    """How severe it is that `signal` of `service` is foretold to reach its limit in `in_s`.

    What it would be, one step less when more than an hour is left, two when more than a day;
    never critical and never only for information. Once it is there (`in_s` of 0), what it is.
    """
    impact = _WOULD.get(signal, _PARTIAL)
    reach, why = reach_of(service, graph, tiers)
    words = f"{signal} of {service} at its limit is {impact.name.lower()}, {why}"
    if in_s <= 0:
        return Ruling(MATRIX[impact][reach], words)
    place = _ORDER.index(MATRIX[impact][reach]) + soon(in_s)
    severity = _ORDER[min(max(place, _ORDER.index(_S.HIGH)), _ORDER.index(_S.LOW))]
    left = ("within the hour", "within the day", "in more than a day")[soon(in_s)]
    return Ruling(severity, f"{words}; {left}")


def soon(in_s: float) -> int:
    """0 within the hour, 1 within the day, 2 later."""
    return (in_s > HOUR_S) + (in_s > DAY_S)
