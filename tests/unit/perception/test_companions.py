"""Which incidents are one trouble, who leads them, and when they may be looked into."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.companions import (
    PATIENCE_S,
    QUIET_S,
    SETTLE_S,
    STORM,
    Arrival,
    group_of,
    is_storm,
    ready_at,
)
from analysis.perception.correlate import BLIND_S, NEAR_S
from analysis.perception.graph import Graph

CHAIN = Graph([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("x", "y")])


def arrival(service: str, at: float = 0.0, **fields: object) -> Arrival:
    values = {"incident": f"{service}@{at}", "key": "INC-1", "severity": 1, "opened_at": at}
    return Arrival(service=service, started_at=at, **{**values, **fields})  # type: ignore[arg-type]  # as given


def members(one: Arrival, *others: Arrival, graph: Graph = CHAIN) -> list[str]:
    return [c.arrival.service for c in group_of(one, [one, *others], graph)]


def test_those_near_on_the_graph_belong_together_through_others_too() -> None:
    assert members(arrival("a"), arrival("c"), arrival("e"), arrival("x")) == ["a", "c", "e"]


def test_time_parts_what_the_graph_joins() -> None:
    assert members(arrival("a"), arrival("b", NEAR_S)) == ["a", "b"]
    assert members(arrival("a"), arrival("b", NEAR_S + 1)) == ["a"]


def test_a_drip_of_incidents_is_not_one_for_ever() -> None:
    drip = [arrival("a", number * NEAR_S) for number in range(1, 9)]
    assert len(members(arrival("a"), *drip)) == 2


def test_where_the_graph_is_blind_only_the_same_moment_joins() -> None:
    assert members(arrival("a"), arrival("unheard-of", BLIND_S)) == ["a", "unheard-of"]
    assert members(arrival("a"), arrival("unheard-of", BLIND_S + 1)) == ["a"]


def test_two_incidents_without_a_service_are_not_of_the_same_one() -> None:
    first, second = (arrival("", at, incident=str(at)) for at in (0.0, 60.0))
    [_, follower] = group_of(first, [first, second], CHAIN)
    assert follower.why == "1 m apart, topology not known"
    assert members(first, arrival("", BLIND_S + 1)) == [""]


def test_the_worst_leads_and_of_these_the_first() -> None:
    group = [arrival("a", severity=2), arrival("b", 5, severity=0), arrival("c", 1, severity=0)]
    assert members(*group) == ["c", "b", "a"]


def test_each_follower_says_why() -> None:
    found = group_of(arrival("a"), [arrival("a"), arrival("b", 30), arrival("d", 1)], CHAIN)
    assert {c.arrival.service: c.why for c in found} == {
        "a": "",
        "b": "1 hop and 30 s apart",
        "d": "near through others",
    }


def test_a_group_is_ready_when_its_signals_have_settled() -> None:
    old = group_of(arrival("a", -300, opened_at=0), [], CHAIN)
    assert ready_at(old) == QUIET_S
    fresh = group_of(arrival("a"), [], CHAIN)
    assert ready_at(fresh) == SETTLE_S
    late = arrival("b", 500, opened_at=500)
    assert ready_at(group_of(arrival("a"), [late], CHAIN)) == PATIENCE_S


def test_more_than_a_handful_are_a_storm() -> None:
    group = [arrival("a", number / 10) for number in range(STORM + 1)]
    assert is_storm(group_of(group[0], group, CHAIN))
    assert not is_storm(group_of(group[0], group[1:], CHAIN)[:STORM])


ARRIVALS = st.lists(
    st.builds(
        arrival,
        st.sampled_from(["a", "b", "c", "d", "e", "x", "y", "unheard-of", ""]),
        st.floats(0, 2000),
        severity=st.integers(0, 4),
        opened_at=st.floats(0, 2000),
    ),
    min_size=1,
    max_size=12,
)


@given(ARRIVALS)
def test_a_group_has_its_incident_once_and_one_leader(found: list[Arrival]) -> None:
    numbered = [replace(a, incident=str(number)) for number, a in enumerate(found)]
    group = group_of(numbered[0], numbered, CHAIN)
    names = [c.arrival.incident for c in group]
    assert len(names) == len(set(names))
    assert "0" in names
    assert group[0].why == ""
    assert all(c.why for c in group[1:])
    first = min(c.arrival.opened_at for c in group)
    assert first + QUIET_S <= ready_at(group) <= first + PATIENCE_S


@given(ARRIVALS)
def test_the_order_in_which_they_are_listed_does_not_matter(found: list[Arrival]) -> None:
    numbered = [replace(a, incident=str(number)) for number, a in enumerate(found)]
    assert group_of(numbered[0], numbered, CHAIN) == group_of(numbered[0], numbered[::-1], CHAIN)
