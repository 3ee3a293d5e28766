"""Clues from traces: who is slow, whose flow changed, and who only feels it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.rootcause import traces
from analysis.reasoning.rootcause.spans import Shift, explained
from analysis.reasoning.rootcause.visits import covered, visits_of
from analysis.types import Case, CaseSpan, Clue
from tests.unit.rootcause.traffic import BEFORE, Call, all_calls, case, renamed, shop


def strongest(clues: list[Clue], feature: str) -> str | None:
    of = [clue for clue in clues if clue.feature == feature]
    return max(of, key=lambda clue: clue.value).component if of else None


def features(clues: list[Clue], component: str) -> set[str]:
    return {clue.feature for clue in clues if clue.component == component}


def usual(_: int) -> Call:
    return shop()


def without_bank(_: int) -> Call:
    """Pay throws after its first line: it neither calls the bank nor answers the front well."""
    order = shop()
    order.calls[1].calls = []
    order.calls[1].logs.append(("ERROR", "p.Pay#40 no account for 17"))
    order.logs = [("ERROR", "f.Front#99 order 3 failed")]
    return order


def test_nothing_is_said_of_traffic_that_did_not_change() -> None:
    assert traces.clues(case(usual, usual)) == []


def test_a_delayed_edge_names_the_end_that_explains_all_its_edges() -> None:
    def delayed(_: int) -> Call:
        order = shop(gap_s=0.302)
        order.calls[1].calls[0].gap_s = 0.302
        return order

    clues = traces.clues(case(usual, delayed))
    assert strongest(clues, "rpc_gap") == "pay"
    assert features(clues, "pay") >= {"rpc_gap", "rpc_gap_share"}
    assert "rpc_gap" not in features(clues, "bank") | features(clues, "front")


def test_a_delayed_leaf_is_named_though_its_caller_shares_the_edge() -> None:
    def delayed(_: int) -> Call:
        order = shop()
        order.calls[0].gap_s = 0.5
        return order

    clues = traces.clues(case(usual, delayed))
    assert strongest(clues, "rpc_gap") == "stock"


def test_own_time_is_told_from_time_spent_waiting() -> None:
    clues = traces.clues(case(usual, lambda _: shop(own_s=0.4)))
    assert strongest(clues, "self_time") == "pay"
    assert features(clues, "front") == set()


def test_the_service_that_stopped_a_flow_is_named_not_the_one_that_noticed() -> None:
    clues = traces.clues(case(usual, without_bank))
    assert strongest(clues, "changed_events") == "pay"
    assert features(clues, "pay") >= {"changed_events", "stopped_event", "new_error"}
    assert "changed_events" not in features(clues, "front") | features(clues, "bank")


def test_spans_alone_show_a_flow_that_stops() -> None:
    told = replace(case(usual, without_bank), logs=[])
    clues = traces.clues(told)
    assert strongest(clues, "only_stopped") == "pay"


def test_a_log_site_that_always_spoke_and_is_silent() -> None:
    def silent(_: int) -> Call:
        order = shop()
        order.calls[0].logs = []
        return order

    clues = traces.clues(case(usual, silent))
    assert strongest(clues, "only_stopped") == "stock"
    found = next(c for c in clues if c.feature == "only_stopped")
    assert "s.Stock#7" in found.detail
    assert (found.before, found.during) == (0.0, 1.0)


def test_a_flow_led_elsewhere_is_told_from_one_that_was_aborted() -> None:
    def elsewhere(_: int) -> Call:
        order = shop()
        order.calls[0].logs = [("ERROR", "s.Stock#9 found nothing")]
        return order

    clues = traces.clues(case(usual, elsewhere))
    assert "swapped_event" in features(clues, "stock")
    assert "only_stopped" not in features(clues, "stock")


def test_a_request_from_outside_that_is_no_longer_put_together() -> None:
    def browse() -> Call:
        return Call("front", "order", calls=[Call("stock", "find")])

    def mixed(i: int) -> Call:
        return shop() if i % 3 == 0 else browse()

    told = case(mixed, lambda i: browse(), times=[*BEFORE, *range(5, 265, 5)])
    clues = traces.clues(replace(told, logs=[]))
    assert "vanished_request" in features(clues, "front")
    assert "changed_events" not in features(clues, "pay") | features(clues, "bank")


def test_a_leaf_that_answers_too_soon_is_named_before_the_caller_that_gives_up() -> None:
    def refused(_: int) -> Call:
        order = shop()
        order.calls[0].own_s = 0.001  # the stock throws at once, and the front gives up
        order.calls = order.calls[:1]
        return order

    clues = traces.clues(replace(case(usual, refused), logs=[]))
    assert strongest(clues, "changed_events") == "stock"
    assert "quick_answer" in features(clues, "stock")
    assert "only_stopped" not in features(clues, "front")


def test_sites_reached_once_do_not_hide_what_changed() -> None:
    def chatty(i: int, *, is_cut: bool) -> Call:
        order = shop()
        word = "".join(chr(ord("a") + int(digit)) for digit in str(i))
        order.calls[1].logs.append(("INFO", f"noted {word}"))
        if is_cut:
            order.calls[1].calls = []
        return order

    told = case(lambda i: chatty(i, is_cut=False), lambda i: chatty(i, is_cut=True))
    assert strongest(traces.clues(told), "only_stopped") == "pay"
    assert (
        traces.clues(case(lambda i: chatty(i, is_cut=False), lambda i: chatty(i, is_cut=False)))
        == []
    )


def test_who_only_complains_of_another_is_not_blamed_first() -> None:
    def unreachable(_: int) -> Call:
        order = shop()
        order.calls[1].calls = []
        order.calls[1].logs.append(("ERROR", "p.Pay#44 No instances available for bank"))
        return order

    own = _value(traces.clues(case(usual, without_bank)), "pay", "changed_events")
    clues = traces.clues(case(usual, unreachable))
    assert strongest(clues, "complained_of") == "bank"
    assert 0 < _value(clues, "pay", "changed_events") < own


def _value(clues: list[Clue], component: str, feature: str) -> float:
    return max(c.value for c in clues if (c.component, c.feature) == (component, feature))


def test_a_site_that_still_speaks_in_other_requests_fell_silent_less() -> None:
    def order(i: int, *, silent: bool) -> Call:
        call = shop()
        stock = call.calls[0]
        if i % 2:
            stock.operation = "list"
        elif silent:
            stock.logs = []
        return call

    partly = traces.clues(case(lambda i: order(i, silent=False), lambda i: order(i, silent=True)))

    def all_silent(i: int) -> Call:
        call = order(i, silent=True)
        call.calls[0].logs = []
        return call

    wholly = traces.clues(case(lambda i: order(i, silent=False), all_silent))
    assert _value(partly, "stock", "only_stopped") < _value(wholly, "stock", "only_stopped")


def test_what_was_over_before_the_incident_opened_counts_little() -> None:
    times = [*BEFORE, *range(0, 40, 5), *range(65, 145, 5)]
    brief = case(usual, lambda i: without_bank(i) if i < len(BEFORE) + 8 else shop(), times=times)
    lasting = case(usual, without_bank, times=times)
    assert strongest(traces.clues(lasting), "changed_events") == "pay"
    assert strongest(traces.clues(brief), "changed_events") is None


def test_a_flow_that_recovers_is_no_clue() -> None:
    mostly_failing = case(lambda i: usual(i) if i % 12 == 0 else without_bank(i), usual)
    assert strongest(traces.clues(mostly_failing), "changed_events") is None


def test_two_ways_that_both_were_usual_blame_nobody_inside() -> None:
    def either(i: int) -> Call:
        return usual(i) if i % 2 else without_bank(i)

    clues = traces.clues(case(either, without_bank))
    assert "changed_events" not in features(clues, "pay") | features(clues, "bank")


def test_logs_that_begin_with_the_incident_are_not_news() -> None:
    told = case(usual, usual)
    late = replace(told, logs=[entry for entry in told.logs if entry.at >= 0])
    assert traces.clues(late) == []


@pytest.mark.parametrize(
    "emptied",
    [
        lambda c: replace(c, spans=[]),
        lambda c: replace(c, window=None),
        lambda c: replace(c, candidates=()),
        lambda c: replace(c, spans=[s for s in c.spans if s.start >= 0]),
        lambda c: replace(c, spans=[s for s in c.spans if s.start < 0]),
    ],
)
def test_without_both_sides_there_is_nothing_to_say(emptied) -> None:  # type: ignore[no-untyped-def] # a lambda
    assert traces.clues(emptied(case(usual, without_bank))) == []


def test_an_orphan_and_a_span_that_is_its_own_parent_do_no_harm() -> None:
    told = case(usual, without_bank)
    odd = [
        CaseSpan("t0", "x", "gone", "pay", "pay", -600.0, 0.1),
        CaseSpan("t1", "y", "y", "bank", "charge", -580.0, 0.1),
    ]
    clues = traces.clues(replace(told, spans=[*told.spans, *odd]))
    assert strongest(clues, "changed_events") == "pay"


@given(st.permutations(["front", "stock", "pay", "bank"]), st.sampled_from(["z{}", "a-{}-svc"]))
def test_names_do_not_matter(order: list[str], form: str) -> None:
    told = case(usual, without_bank)
    plain = ["front", "stock", "pay", "bank"]
    names = {old: form.format(new) for old, new in zip(plain, order, strict=True)}
    as_told = {(names[c.component], c.feature): c.value for c in traces.clues(told)}
    again = {
        (c.component, c.feature): c.value for c in traces.clues(renamed(told, names.__getitem__))
    }
    assert again == pytest.approx(as_told)


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(random) -> None:  # type: ignore[no-untyped-def] # random.Random
    told = case(usual, without_bank)
    spans, logs = list(told.spans), list(told.logs)
    random.shuffle(spans)
    random.shuffle(logs)
    as_told = {(c.component, c.feature): c.value for c in traces.clues(told)}
    mixed: Case = replace(told, spans=spans, logs=logs)
    assert {(c.component, c.feature): c.value for c in traces.clues(mixed)} == as_told


def test_parallel_children_are_counted_once() -> None:
    assert covered([(1.0, 3.0), (2.0, 4.0), (2.5, 2.6), (9.0, 12.0)], 0.0, 10.0) == 4.0


@given(st.lists(st.tuples(st.floats(-5, 15), st.floats(-5, 15)), max_size=8))
def test_covered_time_is_never_more_than_there_is(intervals: list[tuple[float, float]]) -> None:
    total = covered(intervals, 0.0, 10.0)
    assert 0.0 <= total <= 10.0
    assert total <= sum(max(0.0, b - a) for a, b in intervals) + 1e-9


def test_visits_follow_the_calls() -> None:
    visits = visits_of(case(usual, usual))
    first = [v for v in visits if v.trace_id == "t0"]
    assert len(first) == len(list(all_calls(shop())))
    pay = next(v for v in first if v.kind == ("pay", "pay"))
    assert pay.caller is not None
    assert pay.caller.kind == ("front", "order")
    assert pay.gap_s == pytest.approx(0.002)
    assert pay.own_s == pytest.approx(0.010)


@given(st.floats(0.05, 3.0))
def test_blame_goes_to_the_one_service_all_slow_edges_share(seconds: float) -> None:
    def shift(a: str, b: str, by: float) -> Shift:
        return Shift(frozenset((a, b)), "", by, 0.0, by, 2.0)

    slow = [shift("a", "m", seconds), shift("m", "b", seconds), shift("m", "c", seconds)]
    blame = explained([*slow, shift("a", "d", 0.0)])
    assert set(blame) == {"m"}
    assert blame["m"] == pytest.approx(seconds, rel=0.2)  # the penalty shrinks it
