"""Which anomalies are one trouble, where it comes from and how bad it is."""

from typing import Any

import pytest

from analysis.perception.correlate import Graph, Group, Observation, correlate, link
from incidents.lifecycle import Severity

EDGES = (
    ("gateway", "checkout"),
    ("gateway", "search"),
    ("checkout", "payments"),
    ("checkout", "inventory"),
    ("inventory", "database"),
    ("search", "database"),
    ("payments", "bank"),
)


def seen(service: str, signal: str = "errors", at: float = 0.0, **fields: Any) -> Observation:
    values: dict[str, Any] = {
        "direction": "up",
        "score": 10.0,
        "value": 0.3,
        "expected": 0.0,
        **fields,
    }
    name = f"{service}/{signal}/{at}"
    return Observation(id=name, service=service, signal=signal, started_at=at, **values)


def only(*observations: Observation) -> Group:
    (group,) = correlate(observations, EDGES)
    return group


def test_near_in_time_and_on_the_graph_is_one_trouble() -> None:
    group = only(seen("payments", "memory"), seen("checkout", at=30), seen("gateway", at=40))
    assert len(group.observations) == 3
    assert group.started_at == 0


def test_far_apart_in_time_or_on_the_graph_is_not() -> None:
    assert len(correlate([seen("payments"), seen("payments", "cpu", at=901)], EDGES)) == 2
    assert len(correlate([seen("bank"), seen("database", at=5)], EDGES)) == 2


def test_what_lies_between_joins_two_ends() -> None:
    group = only(seen("bank"), seen("database", at=5), seen("checkout", at=9))
    assert {o.service for o in group.observations} == {"bank", "database", "checkout"}


def test_strangers_to_the_graph_need_to_be_close_in_time() -> None:
    assert len(correlate([seen("x"), seen("y", at=60)], [])) == 1
    assert len(correlate([seen("x"), seen("y", at=200)], [])) == 2


def test_evidence_alone_opens_nothing_but_joins() -> None:
    assert correlate([seen("payments", opens=False)], EDGES) == []
    assert len(only(seen("payments", opens=False), seen("checkout")).observations) == 2


@pytest.mark.parametrize(
    ("name", "observations", "expected"),
    [
        (
            "a leak with victims upstream",
            [
                seen("payments", "memory", 0),
                seen("checkout", "latency", 60),
                seen("gateway", at=70),
            ],
            "payments",
        ),
        (
            "own trouble found late",
            [
                seen("gateway", "latency", 0),
                seen("search", "latency", 5),
                seen("search", "cpu", 10),
            ],
            "search",
        ),
        (
            "errors rise through the callers",
            [seen("gateway", at=2), seen("checkout", at=1), seen("payments", at=4)],
            "payments",
        ),
        (
            "a full pool below a slow gateway",
            [seen("inventory", "saturation", 5), seen("checkout", at=5), seen("gateway", at=0)],
            "inventory",
        ),
        (
            "more buyers than usual",
            [
                seen("gateway", "traffic", 0),
                seen("checkout", "traffic", 0),
                seen("checkout", "saturation", 20),
                seen("checkout", "errors", 30),
            ],
            "gateway",
        ),
        (
            "traffic that is lost names nobody",
            [seen("search", "traffic", 0, direction="down"), seen("checkout", "errors", 0)],
            "checkout",
        ),
    ],
)
def test_the_likely_cause_is_named(
    name: str, observations: list[Observation], expected: str
) -> None:
    group = only(*observations)
    assert group.service == expected, (name, group.reason)
    assert group.title.startswith(f"{expected}: ")
    assert expected in group.reason


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (seen("payments", "memory"), Severity.MEDIUM),
        (seen("payments", "errors", value=0.3), Severity.MEDIUM),
        (seen("payments", "errors", value=0.6), Severity.CRITICAL),
        (seen("gateway", "errors", value=0.1), Severity.HIGH),
        (seen("gateway", "latency"), Severity.HIGH),
        (seen("search", "restarts"), Severity.HIGH),
        (seen("search", "availability", direction="down"), Severity.CRITICAL),
    ],
)
def test_severity_follows_what_fails_and_where(
    observation: Observation, expected: Severity
) -> None:
    assert only(observation).severity is expected


def test_the_order_of_arrival_does_not_matter() -> None:
    many = [seen("payments", "memory"), seen("checkout", at=30), seen("gateway", at=40)]
    assert correlate(many, EDGES) == correlate(many[::-1], EDGES)


def test_a_link_gives_its_reason() -> None:
    graph = Graph(EDGES)
    assert link("gateway", "payments", 30, graph) == "2 hops and 30 s apart"
    assert link("gateway", "gateway", 30, graph) == "same service, 30 s apart"
    assert link("gateway", "bank", 30, graph) == ""
    assert link("gateway", "payments", 1000, graph) == ""
    assert "not known" in link("gateway", "stranger", 30, graph)


def test_cycles_in_the_graph_do_no_harm() -> None:
    assert Graph([("a", "b"), ("b", "a")]).below("a") == {"b"}
