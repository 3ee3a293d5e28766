"""How words and ways are read."""

import pytest

from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.words import is_chore, is_own, kind_of, likeness, places_of
from tests.unit.grouping.making import SHOP


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


@pytest.mark.parametrize(
    ("title", "chore"),
    [
        ("CertificateExpiresSoon: web-1 in 20 days", True),
        ("last backup of orders-db is 26 hours old", True),
        ("NodeClockSkewDetected", True),
        ("DiskFull: filesystem at 100 %", False),
        ("ImagePullBackOff", False),
        ("HighLatency of dispatch", False),
    ],
)
def test_what_wants_doing_some_day(title: str, chore: bool) -> None:
    assert is_chore(title) is chore
