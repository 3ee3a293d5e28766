"""Which incident an anomaly belongs to: the plainest reason decides, the order given never."""

from itertools import permutations

from analysis.perception.graph import Graph
from analysis.perception.homes import Home, Homes, Place
from analysis.types import Observation

GRAPH = Graph([("gateway", "checkout"), ("checkout", "payments"), ("payments", "bank")])


def seen(service: str, at: float = 100.0, victim: str = "") -> Observation:
    return Observation(
        id="1",
        service=service,
        signal="errors",
        direction="up",
        started_at=at,
        score=9.0,
        value=0.2,
        expected=0.0,
        victim=victim,
    )


def place(incident: str, service: str, start: float = 0.0, end: float = 100.0) -> Place:
    return Place(incident, service, start, end)


def test_the_same_service_comes_before_a_nearer_time() -> None:
    homes = Homes([place("far", "payments", 0, 10), place("near", "checkout")], GRAPH)
    assert homes.nearest(seen("payments")) == Home("far", "same service, 1 m apart")


def test_fewer_hops_come_before_more_whatever_order_they_came_in() -> None:
    places = [place("a", "gateway"), place("b", "checkout"), place("c", "bank", 0, 50)]
    for order in permutations(places):
        found = Homes(order, GRAPH).nearest(seen("payments"))
        assert found == Home("b", "1 hop and 0 s apart from checkout")


def test_far_in_time_or_on_the_graph_is_no_home() -> None:
    homes = Homes([place("a", "gateway")], GRAPH)
    assert homes.nearest(seen("checkout", at=1001)) is None
    assert homes.nearest(seen("bank")) is None


def test_a_call_is_at_home_where_its_caller_is() -> None:
    homes = Homes([place("a", "gateway")], GRAPH)
    assert homes.nearest(seen("bank", victim="checkout")) == Home(
        "a", "1 hop and 0 s apart from gateway"
    )


def test_strangers_need_to_be_close_in_time_either_way() -> None:
    assert Homes([place("a", "stranger")], GRAPH).nearest(seen("payments", at=200)) is not None
    assert Homes([place("a", "stranger")], GRAPH).nearest(seen("payments", at=300)) is None
    assert Homes([place("a", "payments")], GRAPH).nearest(seen("stranger", at=200)) is not None
    assert Homes([place("a", "payments")], GRAPH).nearest(seen("stranger", at=300)) is None
