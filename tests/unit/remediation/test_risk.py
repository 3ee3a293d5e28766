"""Risk is a product of four factors that only grow with bad facts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.risk import Exposure, Reach, assess, band_of, wilson_lower
from remediation.types import Reversibility, RiskBand

R = Reversibility
GOOD = Exposure(R.EXACT_UNDO, environment="dev", runs=60, successes=60)
exposures = st.builds(
    Exposure,
    reversibility=st.sampled_from(Reversibility),
    environment=st.sampled_from(["dev", "demo", "staging", "prod", "", "Berlin"]),
    reach=st.sampled_from(Reach),
    is_last=st.booleans(),
    targets=st.integers(1, 20),
    critical_dependents=st.integers(0, 9),
    other_major_incident=st.booleans(),
    budget_left=st.none() | st.floats(-1, 1),
    runs=st.just(20),
    successes=st.integers(0, 20),
    deviated_recently=st.booleans(),
)


@pytest.mark.parametrize(
    ("exposure", "score", "band"),
    [
        (GOOD, 2.0, RiskBand.LOW),
        (Exposure(R.EXACT_UNDO), 7.5, RiskBand.MEDIUM),
        (Exposure(R.SELF_HEALING), 11.25, RiskBand.MEDIUM),
        (Exposure(R.SELF_HEALING, critical_dependents=2), 22.5, RiskBand.HIGH),
        (Exposure(R.SELF_HEALING, "demo", critical_dependents=9), 11.25, RiskBand.MEDIUM),
        (Exposure(R.EXACT_UNDO, other_major_incident=True), 12.0, RiskBand.MEDIUM),
        (Exposure(R.EXACT_UNDO, runs=60, successes=60), 5.0, RiskBand.LOW),
        (Exposure(R.EXACT_UNDO, deviated_recently=True), 15.0, RiskBand.MEDIUM),
        (Exposure(R.COMPENSABLE, critical_dependents=3), 46.88, RiskBand.EXTREME),
        (Exposure(R.IRREVERSIBLE), 37.5, RiskBand.HIGH),
        (Exposure(R.SELF_HEALING, reach=Reach.REPLICA), 5.63, RiskBand.LOW),
        (Exposure(R.SELF_HEALING, reach=Reach.REPLICA, targets=4), 16.88, RiskBand.HIGH),
        (Exposure(R.SELF_HEALING, reach=Reach.REPLICA, is_last=True), 28.13, RiskBand.HIGH),
        (Exposure(R.COMPENSABLE, reach=Reach.SHARED), 28.13, RiskBand.HIGH),
        (Exposure(R.EXACT_UNDO, reach=Reach.CLUSTER), 18.75, RiskBand.HIGH),
        (Exposure(R.EXACT_UNDO, budget_left=0.09), 12.0, RiskBand.MEDIUM),
        (Exposure(R.EXACT_UNDO, budget_left=0.1), 7.5, RiskBand.MEDIUM),
    ],
)
def test_the_table(exposure: Exposure, score: float, band: RiskBand) -> None:
    risk = assess(exposure)
    assert risk.score == pytest.approx(score, abs=0.01)
    assert risk.band is band


def test_each_factor_says_why() -> None:
    factors = assess(Exposure(R.SELF_HEALING, "staging", critical_dependents=1)).factors
    assert [name for name, _, _ in factors] == [
        "blast",
        "irreversibility",
        "environment",
        "history",
    ]
    assert all(factor >= 1 and reason for _, factor, reason in factors)


def test_an_unknown_environment_counts_as_production() -> None:
    assert assess(Exposure(R.EXACT_UNDO, "Berlin")).score == assess(Exposure(R.EXACT_UNDO)).score


@given(exposures)
def test_no_bad_fact_lowers_it(exposure: Exposure) -> None:
    before = assess(exposure).score
    worse = [
        replace(exposure, critical_dependents=exposure.critical_dependents + 1),
        replace(exposure, other_major_incident=True),
        replace(exposure, deviated_recently=True),
        replace(exposure, is_last=True),
        replace(exposure, targets=exposure.targets + 1),
        replace(exposure, budget_left=0.0),
        replace(exposure, reach=Reach.CLUSTER),
        replace(exposure, successes=max(0, exposure.successes - 1)),
        replace(exposure, reversibility=R.IRREVERSIBLE),
    ]
    assert all(assess(w).score >= before for w in worse)


@given(st.integers(0, 200), st.data())
def test_history_is_monotone_both_ways(runs: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, runs))

    def score(successes: int, of: int) -> float:
        return assess(Exposure(R.EXACT_UNDO, runs=of, successes=successes)).score

    assert score(good, runs + 1) >= score(good, runs), "a failure never lowers it"
    assert score(good + 1, runs + 1) <= score(good, runs), "a success never raises it"


@given(st.sampled_from(Reach), st.integers(1, 9))
def test_blast_grows_in_the_order_of_reach_and_ends_at_five(reach: Reach, targets: int) -> None:
    factors = [
        assess(Exposure(R.EXACT_UNDO, reach=each, targets=targets)).factors[0][1] for each in Reach
    ]
    assert factors == sorted(factors)
    assert factors[-1] == 5.0


@pytest.mark.parametrize(("good", "runs"), [(25, 25), (41, 42), (56, 58)])
def test_the_bound_of_ninety_percent_is_where_the_design_says(good: int, runs: int) -> None:
    assert wilson_lower(good, runs) >= 0.9
    assert wilson_lower(good - 1, runs - 1) < 0.9 or runs > 25
    assert wilson_lower(24, 24) < 0.9


@given(st.integers(1, 500), st.data())
def test_the_bound_lies_below_the_share(runs: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, runs))
    assert 0 <= wilson_lower(good, runs) <= good / runs + 1e-9


@pytest.mark.parametrize(
    ("score", "band"),
    [(6, RiskBand.LOW), (6.1, RiskBand.MEDIUM), (15, RiskBand.MEDIUM), (40, RiskBand.HIGH),
     (40.1, RiskBand.EXTREME)],
)  # fmt: skip
def test_the_bands_end_where_they_say(score: float, band: RiskBand) -> None:
    assert band_of(score) is band
