"""The telemetry path end to end: what is found, what is not claimed, and what must not matter."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reasoning.rootcause import diagnose
from analysis.types import Case, Diagnosis
from tests.unit.rootcause import shop
from tests.unit.rootcause.shop import NAMES, SPELLINGS, Spelling, busy, failing, slow

FAULTS: dict[str, Callable[[Case, str, Spelling], Case]] = {
    "cpu": busy,
    "latency": slow,
    "errors": failing,
}
every_spelling = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())


def told(said: Diagnosis) -> dict[str, float]:
    return {suspect.component: suspect.probability for suspect in said.suspects}


@every_spelling
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["orders", "search", "pay"])
def test_a_fault_is_found_in_any_spelling_of_the_metrics(
    spelling: Spelling, fault: str, name: str
) -> None:
    said = diagnose(FAULTS[fault](shop.case(spelling), name, spelling))
    best = said.suspects[0]
    assert (best.component, best.fault_type) == (name, fault)
    assert not said.is_abstained
    assert said.metrics[0][0] == name


@every_spelling
@pytest.mark.parametrize("seed", range(5))
def test_a_false_alarm_is_not_blamed_on_anybody(spelling: Spelling, seed: int) -> None:
    said = diagnose(shop.case(spelling, seed=seed))
    assert said.is_abstained
    assert said.suspects[0].probability < 0.5


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(FAULTS)),
    st.sampled_from(NAMES),
    st.permutations(["a", "zz-9", "ünder/score", "ts-x-service", "0"]),
)
def test_names_do_not_matter(fault: str, name: str, names: list[str]) -> None:
    there = dict(zip(NAMES, names, strict=True))
    case = FAULTS[fault](shop.case(), name, SPELLINGS["prometheus"])
    here, renamed = told(diagnose(case)), told(diagnose(shop.renamed(case, there)))
    assert [renamed[there[n]] for n in NAMES] == pytest.approx([here[n] for n in NAMES])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(FAULTS)), st.permutations(NAMES), st.randoms(use_true_random=False))
def test_order_does_not_matter(fault: str, names: list[str], chance: object) -> None:
    case = FAULTS[fault](shop.case(), "pay", SPELLINGS["prometheus"])
    series = list(case.series.items())
    chance.shuffle(series)  # type: ignore[attr-defined]  # hypothesis types it as object
    mixed = replace(case, candidates=tuple(names), series=dict(series), edges=case.edges[::-1])
    assert told(diagnose(mixed)) == pytest.approx(told(diagnose(case)))


def test_a_shift_older_than_the_incident_is_not_its_cause() -> None:
    case = busy(shop.case(), "stock", SPELLINGS["prometheus"])
    key = ("search", "cpu_usage_percent")
    values = case.series[key].copy()
    values[shop.BEFORE - 10 :] += 70.0
    said = diagnose(replace(case, series={**case.series, key: values}))
    assert said.suspects[0].component == "stock"
    assert told(said)["search"] < 0.05


def test_what_gets_better_is_not_a_cause() -> None:
    case = shop.case()
    for metric, by in (("latency_avg_seconds", -0.04), ("cpu_usage_percent", -15.0)):
        values = case.series["search", metric].copy()
        values[shop.BEFORE :] += by
        case = replace(case, series={**case.series, ("search", metric): values})
    assert diagnose(case).is_abstained


def _drop(case: Case, part: str) -> Case:
    drops = {
        "series": {"series": {}, "times": np.empty(0)},
        "edges": {"edges": ()},
        "times": {"started_at": None, "window": None, "baseline": None},
        "baseline": {"baseline": None},
        "alert": {"alert_service": "nobody"},
        "candidates": {"candidates": ()},
        "one candidate": {"candidates": ("pay",)},
    }
    return replace(case, **drops[part])  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    "part", ["series", "edges", "times", "baseline", "alert", "candidates", "one candidate"]
)
@pytest.mark.parametrize("fault", FAULTS)
def test_missing_parts_leave_a_distribution(part: str, fault: str) -> None:
    said = diagnose(_drop(FAULTS[fault](shop.case(), "pay", SPELLINGS["prometheus"]), part))
    assert sum(told(said).values()) + said.none == pytest.approx(1.0)
    if part not in {"series", "candidates", "edges"}:
        assert said.suspects[0].component == "pay"


def test_without_any_evidence_it_says_that_it_does_not_know() -> None:
    said = diagnose(Case(id="bare", candidates=NAMES))
    assert said.is_abstained
    assert said.none > said.suspects[0].probability


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_gaps_in_the_series_never_break_it(seed: int, share: float) -> None:
    case = busy(shop.case(), "orders", SPELLINGS["prometheus"])
    chance = np.random.default_rng(seed)
    gappy = {
        key: np.where(chance.random(len(v)) < share, np.nan, v) for key, v in case.series.items()
    }
    said = diagnose(replace(case, series=gappy))
    assert sum(told(said).values()) + said.none == pytest.approx(1.0)


def test_the_store_all_wait_for_is_overloaded() -> None:
    case = slow(shop.case(), "pay", SPELLINGS["prometheus"])
    shared = replace(case, edges=(*case.edges, ("search", "pay")))
    assert diagnose(shared).suspects[0].fault_type == "overload"
