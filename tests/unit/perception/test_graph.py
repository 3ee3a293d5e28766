"""The service graph: neighbours, dependants, entrances, and who has trouble below."""

import math

from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.graph import Graph

SHOP = Graph([("gateway", "checkout"), ("checkout", "payments"), ("payments", "bank")])


def test_hops_ignore_direction_and_end_after_two() -> None:
    assert SHOP.hops("checkout", "gateway") == 1
    assert SHOP.hops("gateway", "payments") == 2
    assert SHOP.hops("gateway", "bank") == math.inf
    assert SHOP.hops("stranger", "stranger") == 0


def test_users_come_in_where_nobody_is_known_to_call() -> None:
    assert SHOP.is_entrance("gateway")
    assert not SHOP.is_entrance("checkout")
    assert not SHOP.is_entrance("stranger"), "nothing is known of it"


def test_dependants_are_counted_through_others_to_a_limit() -> None:
    assert SHOP.dependants("bank") == 3
    assert SHOP.dependants("gateway") == 0
    star = Graph([(f"caller-{i}", "hub") for i in range(80)])
    assert star.dependants("hub") == 50
    assert star.dependants("hub", at_most=7) == 7


def test_cycles_do_no_harm() -> None:
    ring = Graph([("a", "b"), ("b", "a")])
    assert ring.dependants("a") == 1
    assert ring.with_trouble_below({"a"}) == set(), "a service is not below itself"
    assert ring.with_trouble_below({"a", "b"}) == {"a", "b"}


names = st.sampled_from("abcdefg")


@given(st.lists(st.tuples(names, names).filter(lambda e: e[0] != e[1])), st.sets(names))
def test_trouble_below_is_what_a_walk_down_finds(
    edges: list[tuple[str, str]], troubled: set[str]
) -> None:
    def below(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for callee in {b for a, b in edges if a == here} - found:
                found.add(callee)
                waiting.append(callee)
        return found - {start}

    expected = {service for service in troubled if below(service) & troubled}
    assert Graph(edges).with_trouble_below(troubled) == expected
