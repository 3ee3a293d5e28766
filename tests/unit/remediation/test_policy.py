"""The whole truth table of the matrix, and guards that can only tighten."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.policy import GUARDS, MATRIX, Case, Guard, checks, decide
from remediation.types import Decision, Reversibility, RiskBand

D, B = Decision, RiskBand
ORDER = list(Decision)
cases = st.builds(
    Case,
    band=st.sampled_from(RiskBand),
    confidence=st.floats(0, 1),
    abstained=st.booleans(),
    vouched_for=st.booleans(),
    reversibility=st.sampled_from(Reversibility),
    killed=st.booleans(),
    frozen=st.sampled_from(["", "release day"]),
    allowed=st.booleans(),
    fits=st.booleans(),
    tainted=st.booleans(),
    dry_run=st.sampled_from(["server", "simulated", "described", ""]),
    actions_on_incident=st.integers(0, 5),
    actions_last_hour=st.integers(0, 9),
    same_action_in_6h=st.integers(0, 4),
    cooling_down=st.booleans(),
    unknown_on_target=st.booleans(),
    deviated_last_day=st.booleans(),
)
BAD: dict[str, Any] = {
    "killed": True,
    "frozen": "release day",
    "allowed": False,
    "fits": False,
    "tainted": True,
    "dry_run": "",
    "actions_on_incident": 9,
    "actions_last_hour": 99,
    "same_action_in_6h": 9,
    "cooling_down": True,
    "unknown_on_target": True,
    "deviated_last_day": True,
    "abstained": True,
    "confidence": 0.0,
    "band": RiskBand.EXTREME,
    "reversibility": Reversibility.IRREVERSIBLE,
}


@pytest.mark.parametrize(
    ("band", "low", "middle", "high"),
    [
        (B.LOW, D.ONE, D.ONE, D.ONE),
        (B.MEDIUM, D.ESCALATE, D.ONE, D.ONE),
        (B.HIGH, D.ESCALATE, D.TWO, D.TWO),
        (B.EXTREME, D.ESCALATE, D.ESCALATE, D.ESCALATE),
    ],
)
def test_the_matrix(band: RiskBand, low: Decision, middle: Decision, high: Decision) -> None:
    for confidence, expected in ((0.44, low), (0.45, middle), (0.7, middle), (0.99, high)):
        assert decide(Case(band, confidence)).decision is expected
    assert decide(Case(band, 0.9, abstained=True)).decision is low
    assert decide(Case(band, 0.1, vouched_for=True)).decision is middle


def test_a_person_s_word_never_makes_extreme_risk_approvable() -> None:
    assert decide(Case(B.EXTREME, 1.0, vouched_for=True)).decision is D.ESCALATE


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_guard_is_reached_by_one_bad_fact_and_says_so(guard: Guard) -> None:
    good = Case(B.LOW, 0.9)
    assert not guard.holds(good)
    worse = [replace(good, **{name: value}) for name, value in BAD.items()]
    reached = [case for case in worse if guard.holds(case)]
    assert reached
    for case in reached:
        ruling = decide(case)
        assert guard.reason in ruling.reasons
        assert ORDER.index(ruling.decision) >= ORDER.index(guard.bound)
        assert {"name": guard.name, "ok": False, "detail": guard.reason} in checks(case)


@given(cases)
def test_what_is_tainted_never_goes_on_one_word(case: Case) -> None:
    """Nor by itself, however sure it looks and whoever vouches for it."""
    ruling = decide(replace(case, tainted=True))
    assert ruling.decision in {D.TWO, D.ESCALATE}
    assert "it rests on text outsiders can write" in ruling.reasons


@given(cases, st.sampled_from(sorted(BAD)))
def test_no_bad_fact_loosens(case: Case, name: str) -> None:
    before = decide(case).decision
    after = decide(replace(case, **{name: BAD[name]})).decision
    assert ORDER.index(after) >= ORDER.index(before)


@given(cases, st.permutations(GUARDS))
def test_the_order_of_the_guards_is_nothing(case: Case, guards: list[Guard]) -> None:
    assert decide(case, guards).decision is decide(case).decision


@given(cases, st.sets(st.sampled_from(range(len(GUARDS)))))
def test_adding_guards_never_loosens(case: Case, kept: set[int]) -> None:
    some = decide(case, [GUARDS[i] for i in sorted(kept)]).decision
    assert ORDER.index(decide(case).decision) >= ORDER.index(some)


@given(cases)
def test_every_decision_has_its_reasons(case: Case) -> None:
    ruling = decide(case)
    assert all(ruling.reasons)
    assert len(ruling.reasons) == 1 + sum(guard.holds(case) for guard in GUARDS)


def test_the_matrix_tightens_with_risk() -> None:
    for column in (0, 1):
        cells = [ORDER.index(MATRIX[band][column]) for band in RiskBand]
        assert cells == sorted(cells)
    assert all(ORDER.index(low) >= ORDER.index(normal) for low, normal in MATRIX.values())


def test_the_defaults_of_a_case_are_the_good_facts() -> None:
    assert {f.name for f in fields(Case)} >= set(BAD)
    assert decide(Case(B.LOW)).decision is D.ONE
