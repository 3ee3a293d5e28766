"""Closer, sooner and more alike never lowers the score; and how words and ways are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.grouping.score import score
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Params
from incidents.ingest.grouping.words import is_own, kind_of, likeness, places_of
from tests.unit.grouping.making import SHOP

PARAMS = Params()
hops = st.floats(0, 6)
minutes = st.floats(-60, 60)
alike = st.floats(0, 1)


def value(hop: float, minute: float, like: float, share: float = 1.0) -> float:
    return score(hop, minute, like, params=PARAMS, half_life_min=5, share=share)


@given(hops, hops, minutes, alike)
def test_closer_never_lowers_it(one: float, other: float, minute: float, like: float) -> None:
    near, far = sorted((one, other))
    assert value(near, minute, like) >= value(far, minute, like)


@given(hops, minutes, minutes, alike)
def test_sooner_never_lowers_it(hop: float, one: float, other: float, like: float) -> None:
    soon, late = sorted((one, other), key=abs)
    assert value(hop, soon, like) >= value(hop, late, like)


@given(hops, minutes, alike, alike)
def test_more_alike_never_lowers_it(hop: float, minute: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert value(hop, minute, more) >= value(hop, minute, less)


@given(hops, minutes, alike, st.floats(0, 1))
def test_it_lies_between_nothing_and_certain(
    hop: float, minute: float, like: float, share: float
) -> None:
    assert 0 <= value(hop, minute, like, share) <= 1


def test_words_speak_for_their_weight_and_no_more() -> None:
    assert value(0, 0, 0) == pytest.approx(1 - PARAMS.words_weight)
    assert value(0, 0, 1) == 1
    assert value(0, PARAMS.window_min + 1, 1) == 0


def test_ways_down_are_bounded_and_end_in_a_circle() -> None:
    circle = Topology([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e")])
    assert circle.below("a") == {"b": 1, "c": 2, "d": 3}
    assert circle.near("e") == {"b", "c", "d", "e"}
    assert circle.below("unknown") == {}
    assert SHOP.callers("checkout") == 1


@pytest.mark.parametrize(
    ("title", "labels", "places", "kind"),
    [
        ("CPU of web-1 is at 93 %", {}, (), "cpu of web is at @"),
        ("anything", {"alertname": "HighLatency"}, ("payments",), "highlatency @ payments"),
        ("payments: disk 91 % full", {}, ("payments",), "disk full @ payments"),
    ],
)
def test_a_kind_leaves_the_particulars_out(
    title: str, labels: dict[str, str], places: tuple[str, ...], kind: str
) -> None:
    assert kind_of(title, labels, places).strip() == kind


def test_the_services_an_alert_names() -> None:
    known = {"payments": "payments", "orders-db": "orders-db", "db": "db"}
    text = "CircuitBreakerOpen: payments-66bf8-x2 has cut off orders-db"
    assert places_of("", text, {}, known) == ("payments", "orders-db")
    assert places_of("orders-db", text, {}, known) == ("orders-db", "payments")
    assert places_of("", "nothing of it", {"pod": "db-0"}, known) == ("db",)


def test_a_service_does_not_name_another_whose_name_begins_it() -> None:
    known = {"search": "search", "search-index": "search-index"}
    assert places_of("search-index", "p99 of search-index", {}, known) == ("search-index",)
    assert places_of("", "search-7d9f8b6c-x2 waits for search-index-0", {}, known) == (
        "search",
        "search-index",
    )


def test_likeness_does_not_mind_the_order_of_words() -> None:
    assert likeness("latency of payments is high", "high is latency of payments") == 1
    assert likeness("HighLatency: web-1", "HighLatency: quite another machine") == 1
    assert likeness("disk full", "certificate expires") < 0.5


@pytest.mark.parametrize(
    ("title", "own"),
    [("CPUThrottlingHigh", True), ("PodCrashLooping", True), ("HighErrorRate: 5xx", False)],
)
def test_trouble_inside_of_a_service(title: str, own: bool) -> None:
    assert is_own(title) is own
