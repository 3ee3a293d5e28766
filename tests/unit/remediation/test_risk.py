"""Risk is a product of four factors that only grow with bad facts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.risk import Exposure, assess, band_of, wilson_lower
from remediation.types import Reversibility, RiskBand

R = Reversibility
GOOD = Exposure(R.EXACT_UNDO, environment="dev", runs=60, successes=60)
exposures = st.builds(
    Exposure,
    reversibility=st.sampled_from(Reversibility),
    environment=st.sampled_from(["dev", "demo", "staging", "prod", "", "Berlin"]),
    critical_dependents=st.integers(0, 9),
    other_major_incident=st.booleans(),
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
        replace(exposure, successes=max(0, exposure.successes - 1)),
        replace(exposure, reversibility=R.IRREVERSIBLE),
    ]
    assert all(assess(w).score >= before for w in worse)


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
