"""What people may edit: refused when it is no lattice map, and told when it loosens."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from remediation.decision.limits import BOUNDS, RULES, Counts, Limits, fleet_allowance, reached
from remediation.decision.policy import GUARDS, Case, Guard, decide
from remediation.decision.rules import (
    COLUMNS,
    MATRIX,
    BadRules,
    Rules,
    is_looser,
    loosenings,
    matrix_of,
    problem_of,
    rules_of,
)
from remediation.decision.table import combinations
from remediation.types import Decision, RiskBand
from tests.unit.remediation.test_policy import cases, rules

D, B = Decision, RiskBand


def edited(band: RiskBand, *cells: Decision) -> Rules:
    return replace(Rules(), matrix={**MATRIX, band: cells})


def test_the_matrix_of_the_code_may_be_stored() -> None:
    assert problem_of(MATRIX) == ""
    assert rules_of({}) == Rules()


@given(rules)
def test_rules_survive_being_stored(given_rules: Rules) -> None:
    assert rules_of(json.loads(json.dumps(given_rules.as_json()))) == given_rules


def with_row(band: str, cells: str) -> dict[str, Any]:
    return {"matrix": {**Rules().as_json()["matrix"], band: cells.split()}}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"matrix": {"low": ["one"] * 4}}, "exactly the rows low, medium, high, extreme"),
        (with_row("extreme", "escalate two two one"), "extreme risk never goes below two"),
        (with_row("low", "one one one"), "low needs 4 of one"),
        (with_row("low", "auto auto auto auto"), "low needs 4 of one"),
        (
            with_row("high", "one one two two"),
            "high risk may not tighten with more confidence",
        ),
        (
            with_row("medium", "escalate escalate escalate escalate"),
            "high risk may not be looser than medium",
        ),
        ({"matrix": "none"}, "exactly the rows"),
        ({"limits": {"per_day": 1}}, "only per_incident"),
        ({"limits": {"per_hour": 999}}, "per_hour is a number from 0 to 60, not 999"),
        ({"limits": {"per_hour": True}}, "not True"),
        ({"limits": {"per_hour": 1.5}}, "not 1.5"),
        ({"limits": {"nearby": 0}}, "from 1 to 5"),
        ({"limits": {"fleet_share": 0.9}}, "from 0 to 0.5"),
        ({"limits": {"fleet_share": float("nan")}}, "from 0 to 0.5"),
        ({"actions": "restart"}, "actions: needs a list of names"),
        ({"environments": [1]}, "environments: needs a list"),
        ({"autonomy": "full"}, "no such part of a policy: autonomy"),
    ],
)  # fmt: skip
def test_bad_rules_are_refused_with_the_reason(said: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRules, match=words):
        rules_of(said)


def test_a_matrix_is_read_row_by_row() -> None:
    assert matrix_of(Rules().as_json()["matrix"]) == MATRIX


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (edited(B.LOW, D.TWO, D.ONE, D.ONE, D.ONE), Rules(), "low risk at 0%"),
        (Rules(), replace(Rules(), limits=Limits(per_hour=7)), "per hour: 6 becomes 7"),
        (Rules(), replace(Rules(), limits=Limits(fleet_share=0.5)), "fleet share"),
        (replace(Rules(), actions=frozenset({"scale"})), Rules(), "all actions are allowed"),
        (
            replace(Rules(), environments=frozenset({"dev"})),
            replace(Rules(), environments=frozenset({"dev", "prod"})),
            "environments allowed as well: prod",
        ),
    ],
)
def test_what_loosens_is_named_and_its_reverse_is_not(old: Rules, new: Rules, words: str) -> None:
    assert is_looser(old, new)
    assert words in loosenings(old, new)[0]
    assert not is_looser(new, old)


@given(rules, rules, cases)
def test_rules_that_are_not_looser_never_decide_looser(old: Rules, new: Rules, case: Case) -> None:
    """The claim that lets an admin tighten without asking anybody."""
    order = list(Decision)
    before, after = decide(case, old).decision, decide(case, new).decision
    if order.index(after) < order.index(before):
        assert is_looser(old, new)


@given(rules)
def test_the_same_rules_are_not_looser(same: Rules) -> None:
    assert loosenings(same, same) == []


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        (Counts(on_incident=3), "actions per incident"),
        (Counts(on_target=2), "actions per target"),
        (Counts(nearby=1), "one at a time nearby"),
        (Counts(of_fleet=1), "share of the fleet"),
        (Counts(of_fleet=2, fleet=11), "share of the fleet"),
        (Counts(last_hour=6), "actions per hour"),
    ],
)
def test_each_limit_is_reached_at_its_number(counts: Counts, name: str) -> None:
    assert [rule.name for rule in reached(Limits(), counts)] == [name]
    assert reached(Limits(), Counts(2, 1, 0, 0, 12, 5)) == ()


@pytest.mark.parametrize(
    ("share", "fleet", "allowed"), [(0.25, 0, 1), (0.25, 3, 1), (0.25, 8, 2), (0.0, 40, 1)]
)
def test_one_of_a_fleet_is_always_possible(share: float, fleet: int, allowed: int) -> None:
    assert fleet_allowance(Limits(fleet_share=share), fleet) == allowed


def test_every_limit_has_bounds_that_hold_its_default() -> None:
    for name, (least, most) in BOUNDS.items():
        assert least <= getattr(Limits(), name) <= most
    assert len(RULES) == len(BOUNDS)


def test_the_table_that_is_printed_is_what_is_decided() -> None:
    """Exhaustive: each cell with each set of bounds that guards add, decided by the engine."""
    found = combinations()
    bounds = {guard.bound for guard in GUARDS}
    assert len(found) == 16 * 2 ** len(bounds)
    assert len({(band, column, added) for band, column, added, _ in found}) == len(found)
    for band, column, added, told in found:
        guards = [Guard(str(bound), bound, "r", lambda *_: True) for bound in added]
        case = Case(band, COLUMNS[column])
        assert decide(case, Rules(), guards).decision is told
