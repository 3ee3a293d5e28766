"""Every interleaving is searched, and the search is proved to see: seeded defects must be found."""

from dataclasses import replace

import pytest

from remediation.execution.protocol import Event, Facts, next_state
from remediation.types import ExecutionState
from tests.unit.remediation.protocol_model import Rules, Step, search

S = ExecutionState
SMALL = Rules(until=4)
TERMINAL = {S.SUCCEEDED, S.INCONCLUSIVE, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED, S.UNDONE}


@pytest.mark.slow
@pytest.mark.parametrize(
    "rules",
    [Rules(until=4), Rules(workers=3, until=3, may_edit=False, may_kill=False)],
    ids=["edits-and-kill-switch", "three-workers"],
)
def test_no_interleaving_breaks_a_promise(rules: Rules) -> None:
    found = search(rules)
    assert not found.violation, f"{found.violation}: {' → '.join(found.trace)}"
    assert found.states > 20_000
    # A search that never gets anywhere proves nothing.
    assert {S.INTENT, S.UNKNOWN, S.VERIFYING, S.SUCCEEDED, S.FAILED, S.STALE} <= found.reached


def test_one_execution_and_two_workers_keep_every_promise() -> None:
    found = search(Rules(executions=1, until=6))
    assert not found.violation, f"{found.violation}: {' → '.join(found.trace)}"


def _blind(**good: bool) -> Step:
    """The transition function with some facts not looked at."""
    return lambda state, event, facts: next_state(state, event, replace(facts, **good))


def _lease_over_leads_to(wrong: ExecutionState) -> Step:
    def step(state: ExecutionState, event: Event, facts: Facts) -> ExecutionState | None:
        if state is S.INTENT and event is Event.LEASE_OVER and facts.lease_is_over:
            return wrong
        return next_state(state, event, facts)

    return step


def _no_answer_is_failure(
    state: ExecutionState, event: Event, facts: Facts
) -> ExecutionState | None:
    if state is S.INTENT and event is Event.NO_ANSWER:
        return S.FAILED
    return next_state(state, event, facts)


DEFECTS = {
    "the plan's hash is not compared": replace(SMALL, step=_blind(hash_matches=True)),
    "read, check, write instead of compare-and-set": replace(SMALL, reads_then_writes=True),
    "absent is believed without a quarantine": replace(SMALL, step=_blind(quarantine_is_over=True)),
    "the signature outlives the quarantine": replace(SMALL, credential=4),
    "the quarantine is judged after the answer": replace(SMALL, judges_quarantine_late=True),
    "an expired lease goes back to approved": replace(SMALL, step=_lease_over_leads_to(S.APPROVED)),
    "an expired lease counts as failed": replace(SMALL, step=_lease_over_leads_to(S.FAILED)),
    "no answer counts as failed": replace(SMALL, step=_no_answer_is_failure),
    "the kill switch is not looked at": replace(SMALL, step=_blind(is_stopped=False)),
    "the target is not locked": replace(SMALL, step=_blind(target_is_free=True)),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_search_finds_the_seeded_defect(defect: str) -> None:
    found = search(DEFECTS[defect])
    assert found.violation, defect
    assert 0 < len(found.trace) <= 12


@pytest.mark.parametrize("state", sorted(TERMINAL))
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
