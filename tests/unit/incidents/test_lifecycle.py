"""The one table of allowed moves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.lifecycle import (
    LIVE_STATES,
    STAGES,
    TRANSITIONS,
    IllegalMove,
    State,
    check_move,
)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("state", sorted(LIVE_STATES))
def test_every_live_state_can_be_resolved(state: State) -> None:
    check_move(state, State.RESOLVED)


def test_closed_and_merged_are_final() -> None:
    assert not TRANSITIONS[State.CLOSED]
    assert not TRANSITIONS[State.MERGED]


def test_an_effect_needs_an_approval_before_it() -> None:
    before_executing = {s for s, after in TRANSITIONS.items() if State.EXECUTING in after}
    assert before_executing == {State.AWAITING_APPROVAL, State.VERIFYING}


def test_the_strip_shows_moves_the_table_allows_except_where_a_person_may_be_skipped() -> None:
    skippable = {State.ACKNOWLEDGED}
    stages = [s for s in STAGES if s not in skippable]
    for here, there in pairwise(stages):
        check_move(here, there)


@given(st.sampled_from(State), st.sampled_from(State))
def test_a_refusal_names_what_is_allowed(current: State, to: State) -> None:
    if to in TRANSITIONS[current]:
        check_move(current, to)
        return
    with pytest.raises(IllegalMove) as refused:
        check_move(current, to)
    assert all(name in str(refused.value) for name in TRANSITIONS[current])
