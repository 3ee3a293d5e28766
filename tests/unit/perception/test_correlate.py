"""Which anomalies are one trouble, and where it comes from."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.correlate import (
    BLIND_S,
    NEAR_S,
    Group,
    correlate,
    describe,
    link,
    places_of,
    why_welcome,
)
from analysis.perception.graph import Graph
from analysis.types import Observation, Trouble

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
SERVICES = sorted({name for edge in EDGES for name in edge})


def seen(service: str, signal: str = "errors", at: float = 0.0, **fields: Any) -> Observation:
    values: dict[str, Any] = {
        "direction": "up",
        "score": 10.0,
        "value": 0.3,
        "expected": 0.0,
        "id": f"{service}/{signal}/{at}",
        **fields,
    }
    return Observation(service=service, signal=signal, started_at=at, **values)


def groups(*observations: Observation, graph: Graph = GRAPH) -> list[set[str]]:
    return [{o.id for o in group} for group in correlate(observations, graph)]


def only(*observations: Observation) -> Group:
    (group,) = correlate(observations, GRAPH)
    return describe(group, GRAPH, {})


def test_near_in_time_and_on_the_graph_is_one_trouble() -> None:
    group = only(seen("payments", "memory"), seen("checkout", at=30), seen("gateway", at=40))
    assert len(group.observations) == 3
    assert group.started_at == 0


def test_far_apart_in_time_or_on_the_graph_is_not() -> None:
    assert len(groups(seen("payments"), seen("payments", "cpu", at=901))) == 2
    assert len(groups(seen("bank"), seen("database", at=5))) == 2


def test_what_lies_between_joins_two_ends() -> None:
    group = only(seen("bank"), seen("database", at=5), seen("checkout", at=9))
    assert {o.service for o in group.observations} == {"bank", "database", "checkout"}


def test_strangers_to_the_graph_need_to_be_close_in_time() -> None:
    nothing = Graph(())
    assert len(groups(seen("x"), seen("y", at=60), graph=nothing)) == 1
    assert len(groups(seen("x"), seen("y", at=200), graph=nothing)) == 2
    assert len(groups(seen("bank"), seen("x", at=60))) == 1
    assert len(groups(seen("x"), seen("bank", at=200))) == 2


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


def test_a_link_gives_its_reason() -> None:
    graph = GRAPH
    assert link("gateway", "payments", 30, graph) == "2 hops and 30 s apart"
    assert link("gateway", "search", 30, graph) == "1 hop and 30 s apart"
    assert link("gateway", "gateway", 30, graph) == "same service, 30 s apart"
    assert link("gateway", "bank", 30, graph) == ""
    assert link("gateway", "payments", 1000, graph) == ""
    assert "not known" in link("gateway", "stranger", 30, graph)


def test_members_are_told_earliest_first_and_then_the_deepest() -> None:
    group = only(seen("checkout"), seen("payments"), seen("gateway", at=-5))
    assert [o.service for o in group.observations] == ["gateway", "payments", "checkout"]


def test_of_a_call_the_one_called_counts_and_its_caller_suffers() -> None:
    call = seen("payments", kind=Trouble.EDGE_ERRORS, victim="checkout")
    assert places_of(call) == ("payments", "checkout")
    group = only(call)
    assert group.service == "payments"
    assert group.title == "payments: failing calls"
    assert group.reason.endswith("also hit: checkout")
    assert len(groups(call, seen("search", at=5))) == 1, "two hops from the caller"
    assert len(groups(seen("payments"), seen("search", at=5))) == 2, "three from the one called"


@pytest.mark.parametrize(
    ("signal", "direction", "kind", "is_trouble"),
    [
        ("availability", "up", Trouble.LEVEL_SHIFT, False),
        ("availability", "down", Trouble.LEVEL_SHIFT, True),
        ("errors", "down", Trouble.LEVEL_SHIFT, False),
        ("latency", "down", Trouble.SPIKE, False),
        ("traffic", "down", Trouble.LEVEL_SHIFT, True),
        ("disk", "down", Trouble.DRIFT, True),
        ("availability", "up", Trouble.MISSING, True),
        ("saturation", "down", Trouble.SATURATION, True),
        ("saturation", "down", Trouble.LEVEL_SHIFT, False),
    ],
)
def test_a_change_for_the_better_is_no_trouble(
    signal: str, direction: str, kind: Trouble, is_trouble: bool
) -> None:
    found = seen("payments", signal, direction=direction, kind=kind)
    assert (why_welcome(found) == "") == is_trouble


@pytest.mark.parametrize(
    ("kind", "signal", "words"),
    [
        (Trouble.MISSING, "other", "no data"),
        (Trouble.NEW_TEMPLATE, "other", "new log message"),
        (Trouble.VANISHED_CALLS, "traffic", "vanished calls"),
        (Trouble.DRIFT, "memory", "growing memory"),
    ],
)
def test_a_title_uses_the_word_that_tells_more(kind: Trouble, signal: str, words: str) -> None:
    assert only(seen("payments", signal, kind=kind)).title == f"payments: {words}"


observations = st.lists(
    st.builds(
        seen,
        service=st.sampled_from([*SERVICES, "stranger", "other stranger"]),
        signal=st.sampled_from(["errors", "latency", "memory", "traffic"]),
        at=st.integers(0, 4000).map(float),
        victim=st.sampled_from(["", "", "gateway", "stranger"]),
    ),
    max_size=25,
    unique_by=lambda o: o.id,
)


@given(observations, st.randoms(use_true_random=False))
def test_the_order_of_arrival_says_nothing(found: list[Observation], dice: random.Random) -> None:
    shuffled = dice.sample(found, len(found))
    assert correlate(found, GRAPH) == correlate(shuffled, GRAPH)
    for group in correlate(found, GRAPH):
        mixed = dice.sample(group, len(group))
        assert describe(group, GRAPH, {}) == describe(mixed, GRAPH, {})


def by_every_pair(found: list[Observation], graph: Graph) -> set[frozenset[str]]:
    """The groups as `link` defines them, found the slow way."""
    linked = {o.id: {o.id} for o in found}
    for one in found:
        for other in found:
            apart_s = abs(one.started_at - other.started_at)
            if any(
                link(here, there, apart_s, graph)
                for here in places_of(one)
                for there in places_of(other)
            ):
                linked[one.id] |= linked[other.id]
                for name in linked[one.id]:
                    linked[name] = linked[one.id]
    return {frozenset(names) for names in linked.values()}


@given(observations)
def test_groups_are_those_of_every_pair(found: list[Observation]) -> None:
    assert {frozenset(g) for g in groups(*found)} == by_every_pair(found, GRAPH)


@given(observations)
def test_what_is_far_away_changes_nothing(found: list[Observation]) -> None:
    before = correlate(found, GRAPH)
    far = seen("payments", "cpu", at=4000 + NEAR_S + 1)
    assert correlate([*found, far], GRAPH) == [*before, (far,)]


def test_work_grows_with_the_anomalies_and_not_with_their_pairs() -> None:
    class Counted(Graph):
        asked = 0

        def near(self, service: str) -> Any:
            self.asked += 1
            return super().near(service)

    graph = Counted([(f"s{i}", f"s{i + 1}") for i in range(500)])
    many = [seen(f"s{i % 500}", at=float(i % 97), id=str(i)) for i in range(10_000)]
    correlate(many, graph)
    assert graph.asked == 10_000, "one question an anomaly"
    strangers = [seen(f"x{i}", at=BLIND_S * i / 5000, id=str(i)) for i in range(10_000)]
    assert len(correlate(strangers, graph)) == 1
