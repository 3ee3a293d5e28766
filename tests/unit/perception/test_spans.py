"""Edges and own time from traces."""

import pytest

from analysis.perception.spans import compare, self_times
from analysis.types import Edge, Span


def trace(at: float, *, name: str = "t", bank_s: float = 0.1, is_error: bool = False) -> list[Span]:
    """Gateway -> checkout -> payments -> (bank, which sends no spans)."""
    tid = f"{name}{at}"
    return [
        Span(tid, "1", "", "gateway", "GET", "server", at, 0.5 + bank_s, is_error),
        Span(tid, "2", "1", "gateway", "POST", "client", at, 0.45 + bank_s, is_error),
        Span(tid, "3", "2", "checkout", "POST", "server", at, 0.4 + bank_s, is_error),
        Span(tid, "4", "3", "checkout", "work", "internal", at, 0.35 + bank_s, is_error=False),
        Span(tid, "5", "4", "checkout", "POST", "client", at, 0.3 + bank_s, is_error),
        Span(tid, "6", "5", "payments", "POST", "server", at, 0.2 + bank_s, is_error),
        Span(tid, "7", "6", "payments", "POST", "client", at, bank_s, is_error, "bank"),
    ]


def edge(edges: list[Edge], src: str, dst: str) -> Edge:
    return next(e for e in edges if (e.src, e.dst) == (src, dst))


def test_edges_follow_the_calls_also_to_a_silent_peer() -> None:
    found = {(e.src, e.dst) for e in compare(trace(0), split=10)}
    assert found == {("gateway", "checkout"), ("checkout", "payments"), ("payments", "bank")}


def test_before_and_during_are_told_apart() -> None:
    spans = [*trace(0), *trace(1), *trace(20, bank_s=1.5, is_error=True)]
    bank = edge(compare(spans, split=10), "payments", "bank")
    assert (bank.calls_before, bank.calls_during) == (2, 1)
    assert (bank.error_share_before, bank.error_share_during) == (0.0, 1.0)
    assert bank.latency_before_s == pytest.approx(0.1)
    assert bank.latency_during_s == pytest.approx(1.5)
    assert bank.last_seen == 20


def test_own_time_stays_with_who_spends_it() -> None:
    spans = [*trace(0), *trace(20, bank_s=1.5)]
    own = self_times(spans, split=10)
    assert own["payments"] == pytest.approx((0.2, 0.2))
    assert own["checkout"] == pytest.approx((0.1, 0.1))
    payments = edge(compare(spans, split=10), "checkout", "payments")
    assert payments.self_during_s == pytest.approx(0.2)


def test_parallel_calls_are_not_subtracted_twice() -> None:
    spans = [
        Span("t", "1", "", "a", "GET", "server", 0, 1.0, is_error=False),
        Span("t", "2", "1", "a", "x", "client", 0.1, 0.5, False, "b"),
        Span("t", "3", "1", "a", "y", "client", 0.3, 0.5, False, "c"),
    ]
    assert self_times(spans, split=-1)["a"][1] == pytest.approx(0.3)


def test_a_call_that_outlives_its_request_does_not_make_time_negative() -> None:
    spans = [
        Span("t", "1", "", "a", "GET", "server", 0, 1.0, is_error=False),
        Span("t", "2", "1", "a", "x", "client", 0.5, 9.0, False, "b"),
    ]
    assert self_times(spans, split=-1)["a"][1] == pytest.approx(0.5)


def test_a_trace_read_twice_counts_once() -> None:
    bank = edge(compare([*trace(0), *trace(0)], split=10), "payments", "bank")
    assert bank.calls_before == 1


def test_a_missing_client_span_still_shows_the_edge() -> None:
    spans = [
        Span("t", "1", "", "a", "GET", "server", 0, 1.0, is_error=False),
        Span("t", "2", "1", "b", "GET", "server", 0.1, 0.5, is_error=False),
    ]
    assert [(e.src, e.dst) for e in compare(spans, split=9)] == [("a", "b")]


def test_nothing_in_nothing_out() -> None:
    assert compare([], split=0) == []
