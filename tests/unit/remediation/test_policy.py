"""The whole truth table of the matrix, and guards that can only tighten."""

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.limits import Counts, Limits
from remediation.decision.policy import GUARDS, Case, Guard, checks, decide
from remediation.decision.rules import COLUMNS, FLOOR, MATRIX, Rules, problem_of
from remediation.types import Decision, Reversibility, RiskBand

D, B = Decision, RiskBand
ORDER = list(Decision)
RULES = Rules()
counts = st.builds(
    Counts,
    on_incident=st.integers(0, 5),
    on_target=st.integers(0, 4),
    nearby=st.integers(0, 3),
    of_fleet=st.integers(0, 4),
    fleet=st.integers(0, 20),
    last_hour=st.integers(0, 9),
)
cases = st.builds(
    Case,
    band=st.sampled_from(RiskBand),
    confidence=st.floats(0, 1),
    abstained=st.booleans(),
    is_calibrated=st.booleans(),
    vouched_for=st.booleans(),
    action=st.sampled_from(["restart", "scale", "rollback"]),
    environment=st.sampled_from(["", "dev", "staging", "prod"]),
    reversibility=st.sampled_from(Reversibility),
    killed=st.sampled_from(["", "ana: looks wrong"]),
    frozen=st.sampled_from(["", "release day"]),
    fits=st.booleans(),
    tainted=st.booleans(),
    dry_run=st.sampled_from(["server", "simulated", "described", ""]),
    owner=st.sampled_from(["", "compose", "argocd", "hpa", "who knows"]),
    failed=st.sampled_from([(), ("pdb allows",)]),
    doubtful=st.sampled_from([(), ("quorum",)]),
    counts=counts,
    same_action_in_6h=st.integers(0, 4),
    cooling_down=st.booleans(),
    unknown_on_target=st.booleans(),
    unknown_nearby=st.booleans(),
    deviated_last_day=st.booleans(),
    masked=st.sampled_from(["", "restarting only hides it"]),
    incidents_at_once=st.integers(1, 9),
    topology_is_stale=st.booleans(),
)


@st.composite
def matrices(draw: st.DrawFn) -> dict[RiskBand, tuple[Decision, ...]]:
    """Every matrix that may be stored: each cell at least its left, its above and its floor."""
    rows: dict[RiskBand, tuple[Decision, ...]] = {}
    above = [0] * len(COLUMNS)
    for band in RiskBand:
        row: list[int] = []
        for column in reversed(range(len(COLUMNS))):  # from the surest to the least sure
            surer = row[-1] if row else 0
            least = max(surer, above[column], ORDER.index(FLOOR[band]))
            row.append(draw(st.integers(least, len(ORDER) - 1)))
        above = row[::-1]
        rows[band] = tuple(ORDER[cell] for cell in above)
    return rows


rules = st.builds(
    Rules,
    matrix=matrices(),
    limits=st.builds(
        Limits,
        per_incident=st.integers(0, 5),
        per_target=st.integers(0, 4),
        nearby=st.integers(1, 3),
        fleet_share=st.floats(0, 0.5),
        per_hour=st.integers(0, 9),
    ),
    actions=st.sampled_from([frozenset(), frozenset({"restart"})]),
    environments=st.sampled_from([frozenset(), frozenset({"staging", "dev"})]),
)
BAD: dict[str, Any] = {
    "killed": "ana: looks wrong",
    "frozen": "release day",
    "fits": False,
    "tainted": True,
    "dry_run": "",
    "owner": "argocd",
    "failed": ("pdb allows", "quota"),
    "doubtful": ("quorum",),
    "same_action_in_6h": 9,
    "cooling_down": True,
    "unknown_on_target": True,
    "unknown_nearby": True,
    "deviated_last_day": True,
    "masked": "restarting only hides it",
    "incidents_at_once": 40,
    "alert_is_flapping": True,
    "topology_is_stale": True,
    "abstained": True,
    "is_calibrated": False,
    "vouched_for": False,
    "confidence": 0.0,
    "band": RiskBand.EXTREME,
    "reversibility": Reversibility.IRREVERSIBLE,
}
WORSE_COUNTS: list[Callable[[Counts], Counts]] = [
    lambda n: replace(n, on_incident=n.on_incident + 1),
    lambda n: replace(n, on_target=n.on_target + 1),
    lambda n: replace(n, nearby=n.nearby + 1),
    lambda n: replace(n, of_fleet=n.of_fleet + 1),
    lambda n: replace(n, last_hour=n.last_hour + 1),
    lambda n: replace(n, fleet=max(0, n.fleet - 1)),
]


def rank(decision: Decision) -> int:
    return ORDER.index(decision)


@pytest.mark.parametrize("is_calibrated", [True, False])
@pytest.mark.parametrize(
    ("band", "cells"),
    [
        (B.LOW, (D.ONE, D.ONE, D.ONE, D.ONE)),
        (B.MEDIUM, (D.ESCALATE, D.ONE, D.ONE, D.ONE)),
        (B.HIGH, (D.ESCALATE, D.TWO, D.TWO, D.ONE)),
        (B.EXTREME, (D.ESCALATE, D.ESCALATE, D.TWO, D.TWO)),
    ],
)
def test_the_matrix(band: RiskBand, cells: tuple[Decision, ...], is_calibrated: bool) -> None:
    """Confidence counts for more than the second column only where it is calibrated."""
    edges = ((0.0, 0), (0.44, 0), (0.45, 1), (0.69, 1), (0.7, 2), (0.84, 2), (0.85, 3), (1.0, 3))
    for confidence, column in edges:
        case = Case(band, confidence, is_calibrated=is_calibrated)
        expected = cells[column if is_calibrated else min(column, 1)]
        assert decide(case, RULES).decision is expected
    abstained = Case(band, 0.9, abstained=True, is_calibrated=is_calibrated)
    assert decide(abstained, RULES).decision is cells[0]
    vouched = Case(band, 0.1, vouched_for=True, is_calibrated=is_calibrated)
    assert decide(vouched, RULES).decision is cells[1]


def test_confidence_that_is_no_number_counts_as_none() -> None:
    assert decide(Case(B.MEDIUM, float("nan")), RULES).decision is D.ESCALATE


def test_a_person_s_word_alone_never_makes_extreme_risk_approvable() -> None:
    case = Case(B.EXTREME, 1.0, vouched_for=True, is_calibrated=False)
    assert decide(case, RULES).decision is D.ESCALATE


NARROW = replace(RULES, actions=frozenset({"scale"}), environments=frozenset({"dev"}))
REACHES = [
    *(replace(Case(B.LOW), **{name: value}) for name, value in BAD.items()),
    Case(B.LOW, dry_run="described"),
    Case(B.LOW, dry_run="simulated"),
    *(
        Case(B.LOW, counts=Counts(**{f.name: 99}))
        for f in fields(Counts)
        if f.name != "fleet"
    ),
]  # fmt: skip


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_guard_is_reached_by_one_bad_fact_and_says_so(guard: Guard) -> None:
    good = Case(B.LOW, 0.9)
    assert not guard.holds(good, RULES)
    tried = [(case, RULES) for case in REACHES]
    tried += [(Case(B.LOW, action="restart", environment="prod"), NARROW)]
    reached = [(case, under) for case, under in tried if guard.holds(case, under)]
    assert reached
    for case, under in reached:
        ruling = decide(case, under)
        assert guard.says(case) in ruling.reasons
        assert rank(ruling.decision) >= rank(guard.bound)
        told = {"name": guard.name, "ok": False, "detail": guard.says(case)}
        assert told in checks(case, under)


def test_every_combination_of_guards_is_their_join() -> None:
    """Exhaustive: each cell of the matrix with each set of bounds that guards can add."""
    bounds = [None, *Decision]
    seen = 0
    for band, column in product(RiskBand, range(len(COLUMNS))):
        case = Case(band, COLUMNS[column])
        cell = MATRIX[band][column]
        for picked in product(bounds, repeat=3):
            guards = [
                Guard(str(i), bound, "r", lambda *_: True)
                for i, bound in enumerate(picked)
                if bound is not None
            ]
            expected = max(rank(cell), *(rank(guard.bound) for guard in guards), 0)
            assert rank(decide(case, RULES, guards).decision) == expected
            seen += 1
    assert seen == 16 * 4**3


@given(cases, rules)
def test_what_is_tainted_never_goes_on_one_word(case: Case, under: Rules) -> None:
    """Nor by itself, however sure it looks and whoever vouches for it."""
    ruling = decide(replace(case, tainted=True), under)
    assert ruling.decision in {D.TWO, D.ESCALATE}
    assert "it rests on text outsiders can write" in ruling.reasons


@given(cases, rules, st.sampled_from(sorted(BAD)))
def test_no_bad_fact_loosens(case: Case, under: Rules, name: str) -> None:
    before = decide(case, under).decision
    after = decide(replace(case, **{name: BAD[name]}), under).decision
    assert rank(after) >= rank(before)


@given(cases, rules, st.sampled_from(WORSE_COUNTS))
def test_no_higher_count_loosens(
    case: Case, under: Rules, worsen: Callable[[Counts], Counts]
) -> None:
    after = decide(replace(case, counts=worsen(case.counts)), under).decision
    assert rank(after) >= rank(decide(case, under).decision)


@given(cases, rules, st.floats(0, 1))
def test_less_confidence_never_loosens(case: Case, under: Rules, other: float) -> None:
    low, high = sorted((case.confidence, other))
    doubtful = decide(replace(case, confidence=low), under).decision
    assert rank(doubtful) >= rank(decide(replace(case, confidence=high), under).decision)


@given(cases, rules, st.sampled_from(RiskBand))
def test_more_risk_never_loosens(case: Case, under: Rules, other: RiskBand) -> None:
    low, high = sorted((case.band, other), key=list(RiskBand).index)
    riskier = decide(replace(case, band=high), under).decision
    assert rank(riskier) >= rank(decide(replace(case, band=low), under).decision)


@given(cases, rules, st.permutations(GUARDS))
def test_the_order_of_the_guards_is_nothing(case: Case, under: Rules, guards: list[Guard]) -> None:
    ruling, other = decide(case, under), decide(case, under, guards)
    assert other.decision is ruling.decision
    assert sorted(other.reasons) == sorted(ruling.reasons)


@given(cases, rules, st.sets(st.sampled_from(range(len(GUARDS)))), st.sampled_from(Decision))
def test_adding_guards_never_loosens(
    case: Case, under: Rules, kept: set[int], bound: Decision
) -> None:
    some = decide(case, under, [GUARDS[i] for i in sorted(kept)]).decision
    every = decide(case, under).decision
    assert rank(every) >= rank(some)
    one_more = (*GUARDS, Guard("new", bound, "because", lambda *_: True))
    assert rank(decide(case, under, one_more).decision) == max(rank(every), rank(bound))


@given(cases, rules)
def test_every_decision_has_its_reasons(case: Case, under: Rules) -> None:
    ruling = decide(case, under)
    assert all(ruling.reasons)
    assert len(ruling.reasons) == 1 + sum(guard.holds(case, under) for guard in GUARDS)


@given(cases)
def test_a_case_survives_being_stored(case: Case) -> None:
    assert Case.of_json(case.as_json()) == case


def test_a_stored_case_may_hold_facts_that_are_no_longer_known() -> None:
    stored = {**Case(B.LOW).as_json(), "gone": 1, "counts": {"nearby": 1, "gone": 2}}
    assert Case.of_json(stored) == Case(B.LOW, counts=Counts(nearby=1))


@given(matrices())
def test_the_matrices_tried_here_may_all_be_stored(matrix: dict[RiskBand, Any]) -> None:
    assert problem_of(matrix) == ""


def test_the_defaults_of_a_case_are_the_good_facts() -> None:
    assert {f.name for f in fields(Case)} >= set(BAD)
    assert decide(Case(B.LOW), RULES).decision is D.ONE
    assert decide(Case(B.LOW), RULES).reasons == ("low risk at 100% confidence (calibrated)",)
