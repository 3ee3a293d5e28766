"""Every interleaving is searched, and the search is proved to see: seeded defects must be found.

`make model-check` searches larger worlds, for minutes; these are the ones that take seconds.
"""

from dataclasses import replace

import pytest

from remediation.execution.protocol import Event, Facts, next_state
from remediation.types import ExecutionState
from tools.model_check.defects import (
    BARE,
    COVERED,
    DEFECTS,
    FAN_OUT,
    STEPS,
    UNDO,
    WAVE,
    Defect,
)
from tools.model_check.search import Found, search
from tools.model_check.world import ENDS, Rules

S = ExecutionState
# What must have happened in a search that proves something.
HAPPENED = {
    "claim", "too slow", "crash", "tick", "lease_over", "check", "effect", "lose", "delay",
    "late landing", "probe", "write probe_applied", "write probe_absent", "too late",
}  # fmt: skip


def holds(found: Found) -> None:
    assert not found.violation, f"{found.violation}: {' → '.join(found.trace)}"
    assert found.is_complete
    assert found.labels >= HAPPENED


@pytest.mark.slow
@pytest.mark.parametrize("rules", [replace(BARE, may_edit=True), STEPS], ids=["edits", "steps"])
def test_no_interleaving_in_a_larger_world_breaks_a_promise(rules: Rules) -> None:
    found = search(rules)
    holds(found)
    assert found.states > 100_000


def test_two_actions_of_two_workers_keep_every_promise() -> None:
    found = search(BARE)
    holds(found)
    assert {S.INTENT, S.UNKNOWN, S.VERIFYING, S.SUCCEEDED, S.FAILED, S.STALE} <= found.reached


def test_one_action_keeps_every_promise_whatever_people_do() -> None:
    found = search(Rules(executions=1))
    holds(found)
    assert {"edit", "edit back", "edit policy", "kill switch on", "stop", "refuse"} <= found.labels


def test_an_undo_keeps_every_promise() -> None:
    found = search(UNDO)
    holds(found)
    assert {S.DEVIATED, S.UNDONE} <= found.reached


@pytest.mark.parametrize("rules", [FAN_OUT, WAVE], ids=["canary", "wave"])
def test_a_fan_out_keeps_every_promise_as_deep_as_is_quick(rules: Rules) -> None:
    """The course is the one that plans are carried out by; both targets come to be undone."""
    found = search(rules, depth=16)
    assert not found.violation, f"{found.violation}: {' → '.join(found.trace)}"
    assert {S.DEVIATED, S.UNDONE, S.INCONCLUSIVE, S.UNKNOWN} <= found.reached


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.name)
def test_the_search_finds_the_seeded_defect(defect: Defect) -> None:
    found = search(defect.rules)
    assert found.violation
    assert len(found.trace) == found.depth


@pytest.mark.parametrize(("alone", "both"), COVERED, ids=lambda d: d.name)
def test_a_guard_is_covered_by_another(alone: Defect, both: Defect) -> None:
    assert not search(alone.rules).violation
    assert search(both.rules).violation


def test_a_search_that_stops_early_says_so() -> None:
    found = search(BARE, depth=3)
    assert not found.is_complete
    assert found.depth == 3


@pytest.mark.parametrize("state", sorted(ENDS))
@pytest.mark.parametrize("event", Event)
def test_an_end_is_an_end(state: ExecutionState, event: Event) -> None:
    assert next_state(state, event, Facts(lease_is_over=True, quarantine_is_over=True)) is None


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", sorted(set(S) - {S.APPROVED}))
def test_nothing_leads_back_to_approved(state: ExecutionState, event: Event) -> None:
    facts = Facts(lease_is_over=True, quarantine_is_over=True)
    assert next_state(state, event, facts) is not S.APPROVED


def test_only_a_claim_leads_to_an_intent() -> None:
    ways = [
        (state, event)
        for state in S
        for event in Event
        if next_state(state, event, Facts(lease_is_over=True)) is S.INTENT
    ]
    assert ways == [(S.APPROVED, Event.CLAIM)]


def test_an_undo_has_nothing_to_watch() -> None:
    facts = Facts(is_undo=True)
    assert next_state(S.INTENT, Event.APPLIED, facts) is S.SUCCEEDED
    assert next_state(S.UNKNOWN, Event.PROBE_APPLIED, facts) is S.SUCCEEDED
    assert next_state(S.DEVIATED, Event.UNDO_DONE, Facts()) is S.UNDONE
