"""How severe trouble is: two tables, in the docs as in the code."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception import severity
from analysis.perception.graph import Graph
from analysis.perception.severity import MATRIX, RULES, Impact, Reach, impact_of, reach_of
from analysis.types import Observation, Trouble
from incidents.lifecycle import SEVERITY_ORDER, Severity

EDGES = (
    ("gateway", "checkout"),
    ("gateway", "search"),
    ("checkout", "payments"),
    ("checkout", "inventory"),
    ("inventory", "database"),
    ("search", "database"),
    ("payments", "bank"),
)
GRAPH = Graph(EDGES)
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "severity.md"


def seen(service: str, signal: str = "errors", **fields: Any) -> Observation:
    values: dict[str, Any] = {
        "id": f"{service}/{signal}",
        "direction": "up",
        "started_at": 0.0,
        "score": 10.0,
        "value": 0.3,
        "expected": 0.0,
        **fields,
    }
    return Observation(service=service, signal=signal, **values)


def rated(*found: Observation, tiers: dict[str, int] | None = None) -> Severity:
    return severity.of_observations(found, GRAPH, tiers or {}).severity


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (seen("payments", "memory"), Severity.MEDIUM),
        (seen("payments", "memory", value=0.96, unit="ratio"), Severity.HIGH),
        (seen("payments", "memory", value=950.0, limit=1000.0), Severity.HIGH),
        (seen("payments", "disk", value=4.0, limit=1.0, direction="down"), Severity.MEDIUM),
        (seen("payments", "disk", value=0.0, limit=1.0, direction="down"), Severity.HIGH),
        (seen("payments", "errors"), Severity.MEDIUM),
        (seen("payments", "errors", value=0.4), Severity.HIGH),
        (seen("payments", "errors", value=0.6), Severity.CRITICAL),
        (seen("payments", "errors", value=12.0, unit="1/s"), Severity.MEDIUM),
        (seen("gateway", "errors", value=0.1), Severity.HIGH),
        (seen("gateway", "errors", value=0.4), Severity.CRITICAL),
        (seen("gateway", "latency"), Severity.HIGH),
        (seen("gateway", "latency", value=6.0, floor=0.25), Severity.CRITICAL),
        (seen("search", "restarts"), Severity.HIGH),
        (seen("search", "availability", direction="down"), Severity.CRITICAL),
        (seen("search", "availability", direction="down", value=0.6), Severity.HIGH),
        (seen("search", "traffic", value=40.0, floor=3.0), Severity.MEDIUM),
        (seen("search", "traffic", value=10.0, floor=3.0), Severity.LOW),
        (seen("database", "errors", value=0.1), Severity.HIGH),
        (seen("payments", "other", kind=Trouble.NEW_TEMPLATE), Severity.LOW),
        (seen("payments", "other", kind=Trouble.MISSING), Severity.MEDIUM),
        (seen("payments", "traffic", kind=Trouble.VANISHED_CALLS), Severity.HIGH),
        (seen("payments", "errors", kind=Trouble.BURN_RATE, value=2.0), Severity.MEDIUM),
        (seen("payments", "errors", kind=Trouble.BURN_RATE, value=14.4), Severity.HIGH),
    ],
)
def test_severity_follows_what_fails_how_much_and_where(
    observation: Observation, expected: Severity
) -> None:
    assert rated(observation) is expected


def test_the_worst_of_all_counts_and_is_named() -> None:
    ruling = severity.of_observations(
        [seen("payments", "memory"), seen("gateway", value=0.4, unit="ratio")], GRAPH, {}
    )
    assert ruling.severity is Severity.CRITICAL
    assert ruling.reason == "errors of 40 % at gateway is serious, where users come in"


@pytest.mark.parametrize(
    ("service", "tier", "expected", "words"),
    [
        ("gateway", 2, Reach.ENTRANCE, "where users come in"),
        ("database", 2, Reach.DEPENDED_ON, "which 4 services depend on"),
        ("payments", 2, Reach.INSIDE, "with little depending on it"),
        ("payments", 1, Reach.DEPENDED_ON, "with little depending on it, a critical service"),
        ("payments", 3, Reach.ASIDE, "with little depending on it, a supporting service"),
        ("gateway", 1, Reach.ENTRANCE, "where users come in, a critical service"),
        ("stranger", 2, Reach.INSIDE, "with little depending on it"),
    ],
)
def test_reach_is_from_the_graph_and_the_tier(
    service: str, tier: int, expected: Reach, words: str
) -> None:
    assert reach_of(service, GRAPH, {service: tier}) == (expected, words)


kinds = st.sampled_from(list(Trouble))
signals = st.sampled_from(
    ["errors", "latency", "traffic", "cpu", "memory", "disk", "saturation", "restarts", "other"]
)


@given(
    kinds,
    signals,
    st.sampled_from(["gateway", "payments", "database", "stranger"]),
    st.sampled_from(["", "ratio", "s"]),
    st.floats(0, 100),
    st.floats(0, 100),
    st.floats(0, 5),
)
def test_more_of_the_same_is_never_less_severe(
    kind: Trouble, signal: str, service: str, unit: str, less: float, more: float, floor: float
) -> None:
    less, more = sorted((less, more))
    fields = {"kind": kind, "unit": unit, "floor": floor}
    mild = rated(seen(service, signal, value=less, **fields))
    bad = rated(seen(service, signal, value=more, **fields))
    assert SEVERITY_ORDER[bad] <= SEVERITY_ORDER[mild]


@given(kinds, signals, st.floats(0, 2))
def test_a_more_important_service_is_never_less_severe(
    kind: Trouble, signal: str, value: float
) -> None:
    one = seen("payments", signal, kind=kind, value=value)
    order = [SEVERITY_ORDER[rated(one, tiers={"payments": tier})] for tier in (1, 2, 3)]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("in_s", "expected"),
    [
        (0, Severity.HIGH),
        (3600, Severity.HIGH),
        (3601, Severity.MEDIUM),
        (86_400, Severity.MEDIUM),
        (86_401, Severity.LOW),
    ],
)
def test_what_is_foretold_is_less_severe_while_there_is_time(
    in_s: float, expected: Severity
) -> None:
    ruling = severity.of_outlook(
        signal="memory", service="payments", in_s=in_s, graph=GRAPH, tiers={}
    )
    assert ruling.severity is expected


def test_nothing_foretold_is_critical_until_it_is_there() -> None:
    fields: dict[str, Any] = {"signal": "disk", "service": "gateway", "graph": GRAPH, "tiers": {}}
    assert severity.of_outlook(in_s=60, **fields).severity is Severity.HIGH
    assert severity.of_outlook(in_s=0, **fields).severity is Severity.CRITICAL


@pytest.mark.parametrize("signal", ["errors", "nobody-knows"])
def test_every_kind_and_signal_has_a_rule(signal: str) -> None:
    for kind in Trouble:
        assert impact_of(seen("payments", signal, kind=kind)) in Impact


def test_steps_begin_at_nothing_and_only_rise() -> None:
    for rule in RULES:
        amounts = [least for least, _ in rule.steps]
        impacts = [impact for _, impact in rule.steps]
        assert amounts[0] == 0, rule.what
        assert amounts == sorted(amounts)
        assert impacts == sorted(impacts)


def test_the_tables_of_the_docs_are_the_codes() -> None:
    text = PAGE.read_text()
    for impact, row in MATRIX.items():
        assert f"| {impact.name.lower()} | {' | '.join(row)} |" in text
    for rule in RULES:
        steps = "; ".join(
            (f"from {round(least, 2):g} " if least else "") + impact.name.lower()
            for least, impact in rule.steps
        )
        named = dict.fromkeys([*sorted(rule.kinds), *sorted(rule.signals)])
        assert f"| {rule.what} | {', '.join(named)} | {rule.measure} | {steps} |" in text
    assert f"at least {severity.MANY} services" in text
