"""Each clue of an alert storm, and what it must not be moved by."""

from collections.abc import Sequence

import numpy as np
import pytest

from analysis.reasoning.rootcause.storm_clues import CLUES, clue_table, rarity
from analysis.reasoning.rootcause.storm_table import storm
from analysis.reasoning.rootcause.storm_weights import Line, StormWeights
from analysis.reasoning.rootcause.storms import FAULT_FACTS, diagnose, fault_facts
from analysis.types import Case, CaseAlert

NAMES = ("a-0", "a-1", "b-0", "b-1", "c-0", "c-1")


def said(component: str, *alerts: str) -> list[CaseAlert]:
    """Metric alerts like `cpu_usage up`."""
    pairs = [alert.split() for alert in alerts]
    return [CaseAlert("metric", component, name, sense) for name, sense in pairs]


def clue(name: str, component: str, alerts: Sequence[CaseAlert]) -> float:
    found = storm(Case(id="s", candidates=NAMES, alerts=tuple(alerts)))
    return float(clue_table(found)[NAMES.index(component), CLUES.index(name)])


def test_what_one_has_is_rare_and_what_all_have_is_not() -> None:
    assert rarity(np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)
    assert rarity(np.array([1.0, 1.0, 1.0])) == pytest.approx(0.0)
    assert 0 < rarity(np.array([1.0, 1.0, 0.0])) < 1
    assert rarity(np.array([0.0, 0.0])) == 0.0
    assert rarity(np.array([1.0])) == 1.0


def test_an_alert_counts_less_the_more_of_its_replicas_have_it() -> None:
    alone = said("a-0", "cpu_usage up")
    assert clue("cpu", "a-0", alone) == pytest.approx(1.0)
    assert clue("cpu", "a-0", [*alone, *said("a-1", "cpu_usage up")]) == 0.0


def test_an_alert_counts_less_the_more_components_have_it() -> None:
    alone = said("a-0", "cpu_usage up")
    beside = [*alone, *said("b-0", "cpu_usage up"), *said("c-0", "cpu_usage up")]
    assert 0 < clue("cpu", "a-0", beside) < clue("cpu", "a-0", alone)


def test_memory_alone_is_half_a_clue() -> None:
    alone = said("a-0", "mem_usage up")
    assert clue("memory", "a-0", alone) == pytest.approx(0.5)
    assert clue("memory", "a-0", [*alone, *said("a-0", "cpu_usage up")]) == pytest.approx(1.0)


def test_few_of_the_quantiles_are_a_weaker_clue_of_slow_calls() -> None:
    usual = said("c-0", "dest_p50 up", "dest_p90 up", "dest_p95 up")
    some = [*usual, *said("a-0", "src_p95 up")]
    assert clue("slow_calls", "a-0", some) == pytest.approx(1 / 3)
    full = [*usual, *said("a-0", "src_p50 up", "src_p90 up", "src_p95 up")]
    assert clue("slow_calls", "a-0", full) == pytest.approx(1.0)


def test_traffic_that_replicas_took_over_is_a_full_clue() -> None:
    fell = said("a-0", "qps down")
    assert clue("less_traffic", "a-0", fell) == pytest.approx(0.5)
    assert clue("less_traffic", "a-0", [*fell, *said("a-1", "qps up")]) == pytest.approx(1.0)
    assert clue("less_traffic", "a-0", [*fell, *said("a-1", "qps down")]) == 0.0


def test_a_caller_fails_for_its_own_reasons_only_where_nothing_below_fails() -> None:
    caller = [*said("a-0", "success_rate down"), CaseAlert("trace", "b-0", "op", "slow", "a-0")]
    assert clue("failing", "a-0", caller) == pytest.approx(1.0)
    both = [*caller, *said("b-0", "success_rate down")]
    assert clue("failing", "a-0", both) == 0.0
    assert clue("failing", "b-0", both) > 0


def test_a_start_explains_the_load_it_brings() -> None:
    start = said("a-0", "cpu_usage up", "mem_usage up", "success_rate down", "net_receive up")
    assert clue("restart", "a-0", start) == pytest.approx(1.0)
    assert clue("cpu", "a-0", start) == clue("memory", "a-0", start) == 0.0


def test_twice_the_log_templates_of_any_replica_is_a_full_clue() -> None:
    logs = [CaseAlert("log", "a-0", f"t{n}") for n in range(3)]
    assert clue("new_logs", "a-0", logs) == pytest.approx(1.0)
    as_ever = [*logs, *(CaseAlert("log", "a-1", f"t{n}") for n in range(3))]
    assert clue("new_logs", "a-0", as_ever) == 0.0


def test_calls_speak_for_latency_only_where_requests_are_not_measured() -> None:
    calls = [CaseAlert("trace", "b-0", "op", "slow", f"a-{n}") for n in (0, 1)]
    assert clue("slow", "b-0", calls) == pytest.approx(1.0)
    assert clue("slow", "b-0", [*calls, *said("a-0", "qps down")]) == 0.0
    assert clue("slow_traces", "b-0", [*calls, *said("a-0", "qps down")]) > 0


def test_failed_calls_speak_for_failing_only_where_requests_are_not_measured() -> None:
    calls = [CaseAlert("trace", "b-0", "op", "503", f"a-{n}") for n in (0, 1)]
    assert clue("failing", "b-0", calls) == pytest.approx(1.0)
    assert clue("failing", "b-1", calls) == 0.0
    assert clue("failing", "b-0", [*calls, *said("a-0", "p90 up")]) == 0.0


@pytest.mark.parametrize(
    ("alerts", "fact"),
    [
        (said("a-0", "mem_usage up", "qps down"), "anew_and_idle"),
        (said("a-0", "mem_usage up"), "anew"),
        ([*said("a-0", "qps down"), *said("a-1", "qps up")], "cut_off_and_relieved"),
        ([*said("a-0", "qps down"), *said("a-1", "qps down")], "cut_off"),
    ],
)
def test_there_are_four_ways_to_be_silent(alerts: list[CaseAlert], fact: str) -> None:
    facts = fault_facts(storm(Case(id="s", candidates=NAMES, alerts=tuple(alerts))), 0)
    assert facts == {name: float(name == fact) for name in FAULT_FACTS}


def weighing(*, none: float = -9.0, abstain_below: float = 0.0) -> StormWeights:
    return StormWeights(
        mechanisms={"cpu": Line(0.0, {"cpu": 3.0})},
        faults={"cpu": {"cpu": Line(0.0, {})}},
        none=none,
        temperature=1.0,
        abstain_below=abstain_below,
    )


def test_an_answer_under_the_threshold_or_less_likely_than_none_is_held_back() -> None:
    busy = Case(id="s", candidates=NAMES, alerts=tuple(said("a-0", "cpu_usage up")))
    assert not diagnose(busy, weighing()).is_abstained
    assert diagnose(busy, weighing(abstain_below=0.99)).is_abstained
    assert diagnose(busy, weighing(none=4.0)).is_abstained


def test_the_fewer_kinds_of_alert_the_less_sure() -> None:
    alerts = said("a-0", "cpu_usage up")
    others = [CaseAlert("log", name, "t") for name in NAMES]
    alone = Case(id="s", candidates=NAMES, alerts=tuple(alerts))
    beside = Case(id="s", candidates=NAMES, alerts=(*alerts, *others))
    sure, less = (diagnose(one, weighing()).suspects[0].probability for one in (beside, alone))
    assert less < sure
