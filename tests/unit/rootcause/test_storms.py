"""Alert storms: the component that differs from its replicas, by whatever it is called."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reasoning import rootcause
from analysis.reasoning.rootcause.storms import diagnose
from analysis.types import Case, CaseAlert

GROUPS = ("door", "basket", "till", "post")
CANDIDATES = (*(f"{name}-{n}" for name in GROUPS for n in (0, 1)), "store-0")
METRICS = (
    "cpu_usage",
    "mem_usage",
    "fs_usage",
    "net_transmit",
    "net_receive",
    "dest_p90",
    "src_p90",
    "dest_qps",
    "success_rate",
    "tea_in_pot",
)


def metric(component: str, name: str, sense: str) -> CaseAlert:
    return CaseAlert("metric", component, name, sense)


def call(caller: str, callee: str, sense: str = "slow") -> CaseAlert:
    return CaseAlert("trace", callee, "GET /", sense, caller)


def case(alerts: Sequence[CaseAlert], candidates: Sequence[str] = CANDIDATES) -> Case:
    return Case(id="s", candidates=tuple(candidates), alerts=tuple(alerts))


BACKGROUND = [
    *(metric(name, "fs_usage", "up") for name in CANDIDATES),
    *(CaseAlert("log", name, f"{name}-7") for name in CANDIDATES),
    call("door-0", "basket-0"),
    call("door-1", "basket-1"),
    call("basket-0", "till-0"),
    call("basket-1", "till-1"),
]
BUSY = [
    *BACKGROUND,
    metric("till-1", "cpu_usage", "up"),
    metric("till-1", "dest_p50", "up"),
    metric("till-1", "dest_p90", "up"),
    metric("door-0", "dest_p90", "up"),
    metric("door-1", "dest_p90", "up"),
]
KILLED = [
    *BACKGROUND,
    metric("till-0", "net_transmit", "down"),
    metric("till-0", "dest_qps", "down"),
    metric("till-0", "src_qps", "down"),
    metric("till-0", "mem_usage", "up"),
    metric("till-1", "dest_qps", "up"),
    *(CaseAlert("log", "till-0", f"till-0-{n}") for n in range(20, 24)),
    call("basket-0", "till-0", "500"),
    call("basket-1", "till-0", "500"),
    metric("door-0", "success_rate", "down"),
    metric("door-1", "success_rate", "down"),
]
FULL = [*BACKGROUND, metric("post-0", "mem_usage", "up"), metric("post-0", "cpu_usage", "up")]
FAR = [
    *BACKGROUND,
    *(metric("basket-1", f"src_p{q}", "up") for q in (50, 90, 95)),
    *(call(f"door-{n}", "basket-1") for n in (0, 1)),
]


@pytest.mark.parametrize(
    ("alerts", "cause", "faults"),
    [
        (BUSY, "till-1", {"cpu"}),
        (FULL, "post-0", {"memory"}),
        (FAR, "basket-1", {"network-delay"}),
        (KILLED, "till-0", {"pod-kill", "pod-failure"}),
    ],
    ids=["busy", "full", "far", "killed"],
)
def test_the_one_that_differs_from_its_replicas_is_the_cause(
    alerts: list[CaseAlert], cause: str, faults: set[str]
) -> None:
    said = diagnose(case(alerts))
    assert said.suspects[0].component == cause
    assert said.suspects[0].fault_type in faults
    assert said.suspects[0].probability > 0.5
    assert not said.is_abstained
    assert said.evidence_path == "alerts"
    assert any(clue.value > 0.5 for clue in said.suspects[0].clues)


def test_the_metrics_of_the_cause_are_named_with_the_telling_one_first() -> None:
    assert diagnose(case(BUSY)).metrics[0] == ("till-1", "cpu_usage")


def test_a_clue_says_which_alerts_it_is_made_of_and_what_they_are_compared_with() -> None:
    clues = {clue.feature: clue for clue in diagnose(case(BUSY)).suspects[0].clues}
    assert clues["cpu"].detail == "cpu_usage up (compared with 1 replica)"
    assert "cpu_usage up, dest_p50 up" in clues["cpu_slow"].detail
    logs = {clue.feature: clue for clue in diagnose(case(KILLED)).suspects[0].clues}
    assert logs["new_logs"].detail == "5 alerting log templates"


def test_a_storm_without_series_is_reasoned_about_by_its_alerts() -> None:
    said = rootcause.diagnose(case(BUSY))
    assert said.evidence_path == "alerts"
    assert said.suspects[0].component == "till-1"


def test_alerts_that_all_have_blame_nobody() -> None:
    said = diagnose(case(BACKGROUND))
    assert said.is_abstained
    assert said.none > said.suspects[0].probability


def test_a_caller_that_fell_silent_with_what_it_calls_is_not_the_cause() -> None:
    silent = [
        alert
        for name in ("door-0", "till-0")
        for alert in (
            metric(name, "net_transmit", "down"),
            metric(name, "dest_qps", "down"),
            *(CaseAlert("log", name, f"{name}-{n}") for n in range(20, 24)),
        )
    ]
    said = diagnose(case([*BACKGROUND, *silent]))
    assert said.suspects[0].component == "till-0"
    assert said.suspects[0].probability > 2 * said.suspects[1].probability


def test_without_alerts_nothing_is_said() -> None:
    said = diagnose(case([]))
    assert said.suspects == ()
    assert said.none == 1.0
    assert said.is_abstained


def test_without_candidates_those_with_alerts_are_the_candidates() -> None:
    said = diagnose(case(BUSY, candidates=()))
    assert said.suspects[0].component == "till-1"
    assert {suspect.component for suspect in said.suspects} == set(CANDIDATES)


def test_alerts_on_strangers_alone_name_no_candidate() -> None:
    said = diagnose(case([metric("elsewhere-3", "cpu_usage", "up")]))
    assert said.is_abstained
    assert len({round(suspect.probability, 9) for suspect in said.suspects}) == 1


def test_one_alert_points_at_its_component_without_certainty() -> None:
    said = diagnose(case([metric("till-1", "cpu_usage", "up")]))
    assert said.suspects[0].component == "till-1"
    sure = diagnose(case(BUSY)).suspects[0].probability
    assert said.suspects[0].probability < sure


def test_an_unknown_metric_points_weakly_and_never_raises() -> None:
    said = diagnose(case([metric("till-1", "tea_in_pot", "up")]))
    assert said.suspects[0].component == "till-1"
    assert said.is_abstained


def test_an_alert_on_a_whole_group_tells_none_of_its_replicas_apart() -> None:
    said = diagnose(case([metric("till", "cpu_usage", "up")]))
    shares = {suspect.component: suspect.probability for suspect in said.suspects}
    assert shares["till-0"] == pytest.approx(shares["till-1"])


def test_pods_count_for_the_service_they_are_replicas_of() -> None:
    alerts = [metric("till-5d8f9c7b6d-x2x4z", "cpu_usage", "up")]
    said = diagnose(case(alerts, candidates=("door", "basket", "till")))
    assert said.suspects[0].component == "till"


def test_kinds_of_alert_that_are_missing_make_the_answer_less_sure() -> None:
    only_metrics = [alert for alert in BUSY if alert.kind == "metric"]
    said = diagnose(case(only_metrics))
    assert said.suspects[0].component == "till-1"
    assert said.suspects[0].probability < diagnose(case(BUSY)).suspects[0].probability


some_alerts = st.lists(
    st.one_of(
        st.builds(
            metric,
            st.sampled_from(CANDIDATES),
            st.sampled_from(METRICS),
            st.sampled_from(("up", "down", "")),
        ),
        st.builds(
            call,
            st.sampled_from(("", *CANDIDATES)),
            st.sampled_from(CANDIDATES),
            st.sampled_from(("slow", "500", "400")),
        ),
        st.builds(
            CaseAlert,
            st.just("log"),
            st.sampled_from(CANDIDATES),
            st.sampled_from(("a-1", "b-2", "c-3")),
        ),
    ),
    max_size=40,
)


def shares_of(given: Case) -> dict[str, float]:
    return {suspect.component: suspect.probability for suspect in diagnose(given).suspects}


@given(some_alerts)
@settings(deadline=None)
def test_the_shares_of_all_and_of_none_sum_to_one(alerts: list[CaseAlert]) -> None:
    said = diagnose(case(alerts))
    assert sum(s.probability for s in said.suspects) + said.none == pytest.approx(1.0)


@given(some_alerts, st.permutations(GROUPS), st.booleans())
@settings(deadline=None)
def test_names_do_not_matter(
    alerts: list[CaseAlert], groups: list[str], replicas_swap: bool
) -> None:
    new = {
        f"{old}-{n}": f"x{there}y-{1 - n if replicas_swap else n}"
        for old, there in zip(GROUPS, groups, strict=True)
        for n in (0, 1)
    } | {"store-0": "a-0", "": ""}
    renamed = [
        replace(alert, component=new[alert.component], caller=new[alert.caller]) for alert in alerts
    ]
    here = shares_of(case(alerts))
    there = shares_of(case(renamed, candidates=[new[name] for name in CANDIDATES]))
    assert {new[name]: share for name, share in here.items()} == pytest.approx(there)


@given(some_alerts.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
@settings(deadline=None)
def test_the_order_of_alerts_does_not_matter(
    pair: tuple[list[CaseAlert], list[CaseAlert]],
) -> None:
    assert diagnose(case(pair[0])) == diagnose(case(pair[1]))


@given(some_alerts, st.permutations(CANDIDATES))
@settings(deadline=None)
def test_the_order_of_candidates_does_not_matter(
    alerts: list[CaseAlert], candidates: list[str]
) -> None:
    here, there = shares_of(case(alerts)), shares_of(case(alerts, candidates=candidates))
    assert here == pytest.approx(there)
