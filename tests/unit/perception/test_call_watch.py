"""What the memory of calls finds: errors, slowness, gaps, calls left out; and what it must not."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.perception.call_watch import BUCKETS, TraceMemory, Watched, bucket, quantile
from analysis.perception.calls import Observed, Subject, observed
from analysis.types import SignalFinding, Span, Trouble

LEARNT = 20
_serial = itertools.count()


def trace(
    at: float,
    *,
    bank_s: float = 0.1,
    gap_s: float = 0.002,
    fails: bool = False,
    calls: bool = True,
) -> list[Span]:
    """A request to checkout, which calls payments, which calls a bank that sends no spans."""
    tid = f"t{next(_serial)}"
    inner = bank_s + 0.01
    root = Span(tid, "1", "", "checkout", "POST /buy/17", "server", at, inner + 0.05, fails)
    if not calls:
        return [root]
    return [
        root,
        Span(tid, "2", "1", "checkout", "POST", "client", at, inner + gap_s, fails),
        Span(tid, "3", "2", "payments", "POST /pay", "server", at, inner, fails),
        Span(tid, "4", "3", "payments", "POST", "client", at, bank_s, fails, "bank"),
    ]


def seen(spans: Iterable[Span], look: int = 0) -> list[Observed]:
    spans = list(spans)
    names = sorted({span.service for span in spans})
    return [observed(spans, n, start=look * 30.0, end=look * 30.0 + 30) for n in names]


def healthy(look: int, count: int = 20) -> list[Span]:
    rng = np.random.default_rng(look)
    return [
        span
        for i in range(count)
        for span in trace(look * 30 + i, bank_s=float(rng.lognormal(-2.3, 0.2)))
    ]


def learnt(looks: int = LEARNT, count: int = 20) -> TraceMemory:
    memory = TraceMemory()
    for look in range(looks):
        memory.take(look, seen(healthy(look, count), look), alarms_per_week=0.25)
    return memory


def then(spans: Iterable[Span], memory: TraceMemory | None = None) -> list[SignalFinding]:
    memory = memory or learnt()
    memory.take(LEARNT, seen(spans, LEARNT), alarms_per_week=0.25)
    return memory.findings(LEARNT)


def at(number: int = 10, **how: float | bool) -> list[Span]:
    rows = [trace(LEARNT * 30 + i, **how) for i in range(number)]  # type: ignore[arg-type]  # passed on as given
    return [span for row in rows for span in row]


def kinds(found: Iterable[SignalFinding]) -> set[tuple[Trouble, str]]:
    return {(f.kind, f"{f.labels.get('caller', '')}>{f.labels.get('callee', '')}") for f in found}


def test_healthy_calls_are_nothing() -> None:
    assert then(healthy(LEARNT)) == []


def test_a_slow_partner_shows_on_its_edge_and_on_all_that_wait_for_it() -> None:
    found = then(at(bank_s=1.5))
    assert kinds(found) == {
        (Trouble.EDGE_LATENCY, "payments>bank"),
        (Trouble.EDGE_LATENCY, "checkout>payments"),
        (Trouble.EDGE_LATENCY, ">checkout"),
    }
    bank = next(f for f in found if f.service == "bank")
    assert bank.value == pytest.approx(1.5, rel=0.1)
    assert bank.expected == pytest.approx(0.13, rel=0.2)
    assert bank.expected < bank.high < bank.value
    assert bank.details["calls"] == 10
    assert len(bank.details["trace_ids"]) == 3
    assert bank.started_at == LEARNT * 30


def test_failing_calls_show_on_their_edge() -> None:
    found = then([*at(15), *at(5, fails=True)])
    assert (Trouble.EDGE_ERRORS, "payments>bank") in kinds(found)
    bank = next(f for f in found if f.service == "bank")
    assert (bank.value, bank.expected) == (0.25, 0.0)
    assert (bank.details["calls"], bank.details["hits"]) == (20, 5)


def test_time_lost_between_two_services_is_a_gap_and_not_the_callees() -> None:
    found = then(at(gap_s=0.2))
    assert (Trouble.EDGE_GAP, "checkout>payments") in kinds(found)
    assert not [f for f in found if f.service == "bank"]
    assert all(f.kind is not Trouble.EDGE_ERRORS for f in found)


def test_a_call_that_always_came_and_stopped_is_told_of_its_caller() -> None:
    found = then(at(calls=False))
    (gone,) = (f for f in found if f.kind is Trouble.VANISHED_CALLS)
    assert (gone.service, gone.labels["callee"]) == ("checkout", "payments")
    assert gone.labels["operation"] == "POST /buy/<num>"
    assert (gone.value, gone.direction) == (0.0, "down")


def test_a_caller_without_requests_says_nothing_of_its_calls() -> None:
    memory = learnt()
    for look in range(LEARNT, LEARNT + 40):
        memory.take(look, [], alarms_per_week=0.25)
    assert memory.findings(LEARNT + 40) == []


def test_one_error_of_five_calls_is_no_news() -> None:
    assert then([*at(4), *at(1, fails=True)]) == []


def test_a_little_slower_does_not_matter_however_certain() -> None:
    memory = learnt(count=60)
    assert then(at(100, bank_s=0.14), memory) == []


def test_nothing_is_odd_before_enough_calls_are_known() -> None:
    memory = learnt(5)
    memory.take(5, seen(at(bank_s=9.0)), alarms_per_week=0.25)
    assert memory.findings(5) == []


def test_rare_errors_add_up_over_the_last_minutes() -> None:
    memory = learnt(40)
    found: list[SignalFinding] = []
    for look in range(40, 52):
        spans = [s for i in range(8) for s in trace(look * 30 + i, fails=i == 0)]
        memory.take(look, seen(spans, look), alarms_per_week=0.25)
        found = memory.findings(look)
    assert (Trouble.EDGE_ERRORS, "payments>bank") in kinds(found)


def test_trouble_is_over_some_looks_after_its_end_and_taught_nothing() -> None:
    memory = learnt()
    base = memory.watched[Subject(Trouble.EDGE_ERRORS, "payments", "bank")].base.copy()
    for look in range(LEARNT, LEARNT + 10):
        spans = [s for i in range(10) for s in trace(look * 30 + i, fails=True)]
        memory.take(look, seen(spans, look), alarms_per_week=0.25)
    one = memory.watched[Subject(Trouble.EDGE_ERRORS, "payments", "bank")]
    assert np.array_equal(one.base, base)
    for look in range(LEARNT + 10, LEARNT + 14):
        memory.take(look, seen(healthy(look), look), alarms_per_week=0.25)
    assert memory.findings(LEARNT + 14) == []


def test_what_stays_for_an_hour_is_the_usual() -> None:
    memory = learnt()
    for look in range(LEARNT, LEARNT + 150):
        spans = [s for i in range(10) for s in trace(look * 30 + i, bank_s=1.5)]
        memory.take(look, seen(spans, look), alarms_per_week=0.25)
    assert memory.findings(LEARNT + 150) == []


def test_an_edge_that_is_no_more_is_no_trouble() -> None:
    memory = learnt()
    assert then(at(bank_s=1.5), memory)
    assert memory.findings(LEARNT + 21) == []


def test_the_order_of_services_does_not_matter() -> None:
    spans = at(bank_s=1.5)
    one, other = learnt(), learnt()
    rows = seen(spans, LEARNT)
    one.take(LEARNT, rows, alarms_per_week=0.25)
    other.take(LEARNT, rows[::-1], alarms_per_week=0.25)
    plain = [(f.key, f.value, f.p_value) for f in one.findings(LEARNT)]
    assert plain == [(f.key, f.value, f.p_value) for f in other.findings(LEARNT)]


def test_only_its_own_spans_count_for_a_service() -> None:
    """A trace chosen because it passes the callee shows callers that always call it."""
    rows = observed(trace(0), "payments", start=0, end=30)
    assert {seen.subject.caller for seen in rows.calls} == {"payments"}
    assert {request.service for request in rows.requests} == {"payments"}


def test_a_callee_without_a_client_span_before_it_is_a_call_of_the_request() -> None:
    spans = [
        Span("t", "1", "", "a", "GET", "server", 0, 1.0, is_error=False),
        Span("t", "2", "1", "b", "GET", "server", 0.1, 0.5, is_error=False),
    ]
    (request,) = observed(spans, "a", start=0, end=30).requests
    assert request.callees == {"b"}


def test_a_client_span_that_names_nobody_is_no_call() -> None:
    spans = [Span("t", "1", "0", "a", "GET", "client", 0, 1.0, is_error=False)]
    assert observed(spans, "a", start=0, end=30) == Observed()


def test_spans_outside_of_the_look_belong_to_another() -> None:
    assert observed(trace(40), "payments", start=0, end=30) == Observed()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 60), st.integers(1, 5))
def test_a_smaller_sample_of_the_same_traffic_raises_nothing(count: int, looks: int) -> None:
    """Truncated reads hold fewer traces, not other ones."""
    memory = learnt()
    for look in range(LEARNT, LEARNT + looks):
        memory.take(look, seen(healthy(look, count), look), alarms_per_week=0.25)
    assert memory.findings(LEARNT + looks) == []


@given(st.floats(1e-4, 300.0))
def test_a_sketch_keeps_seconds_to_ten_percent(value: float) -> None:
    counts = np.zeros(BUCKETS)
    counts[bucket(value)] += 5
    assert value <= quantile(counts, 0.9) * (1 + 1e-9)
    assert quantile(counts, 0.9) <= value * 1.1 * (1 + 1e-9)


@pytest.mark.parametrize("kind", [Trouble.EDGE_ERRORS, Trouble.EDGE_LATENCY])
def test_false_alarms_stay_below_the_knob(kind: Trouble) -> None:
    """Two days of calls without trouble, half of the errors in bursts, at a sensitive setting."""
    rng, accepted, looks = np.random.default_rng(7), 50.0, 2 * 2880
    one, found = Watched.fresh(Subject(kind, "a", "b")), 0
    for look in range(looks):
        share = 0.02 * float(rng.gamma(2.0, 0.5))
        slow = rng.lognormal(-2.0, 0.5, 30)
        values = slow if kind is Trouble.EDGE_LATENCY else rng.random(30) < share
        was_odd = one.odd_since
        chance = accepted * 30 / (7 * 86_400)
        one.take(look, one.counted(values.astype(float)), chance=chance, floor_s=0.0)
        found += bool(one.odd_since) and not was_odd
    assert found <= 1.5 * accepted * 2 / 7
