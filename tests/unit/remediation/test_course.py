"""The order of steps, waves and undos: what never happens, whatever the verdicts are."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.execution.course import (
    Done,
    Item,
    Move,
    Place,
    Standing,
    Start,
    Stop,
    Undo,
    Wait,
    next_move,
    standing_of,
    waves,
)
from remediation.types import ExecutionState

S = Standing
VERDICTS = (S.MATCHED, S.PARTIAL, S.BLIND, S.HARMED, S.NOT_DONE)
Grid = list[list[Item]]


def grid(*sizes: int, can_undo: bool = True) -> Grid:
    return [[Item(S.WAITING, can_undo)] * size for size in sizes]


def put(steps: Grid, place: Place, standing: Standing) -> None:
    old = steps[place.step][place.target]
    steps[place.step][place.target] = replace(old, standing=standing)


def held(steps: Grid, *standings: Standing) -> list[Place]:
    return [
        Place(number, ordinal)
        for number, step in enumerate(steps)
        for ordinal, item in enumerate(step)
        if item.standing in standings
    ]


def keeps_the_gates(now: Grid, move: Start) -> None:
    assert not held(now, S.HARMED, S.UNDOING, S.UNDONE, S.STUCK), "nothing after a deviation"
    assert not held(now, S.NOT_DONE, S.BLIND), "nor after what could not be proved"
    assert len({place.step for place in move.places}) == 1
    step = move.places[0].step
    wave = next(w for w in waves(len(now[step])) if move.places[0].target in w)
    at_once = [*move.places, *held(now, S.RUNNING)]
    assert all(p.step == step and p.target in wave for p in at_once), "never two waves at once"
    before = [p for p in held(now, *S) if p < Place(step, wave.start)]
    assert set(before) <= set(held(now, S.MATCHED, S.PARTIAL)), "each waits for the one before"
    last = [row[i].standing for row in now[:step] for i in waves(len(row))[-1]]
    assert set(last) <= {S.MATCHED}, "a step starts after a match"


def undoes_in_order(now: Grid, move: Undo) -> None:
    assert not held(now, S.UNDOING), "one undo at a time"
    assert not held(now, S.STUCK), "none after one that is not proved"
    item = now[move.place.step][move.place.target]
    assert item.can_undo
    if item.standing is not S.HARMED:
        assert held(now, S.UNDONE), "only after harm, which is undone first"
        assert not held(now, S.RUNNING, S.HARMED)
        assert move.place == max(held(now, S.MATCHED, S.PARTIAL, S.BLIND)), "in reverse"


def look(now: Grid, move: Move) -> None:
    if isinstance(move, Start):
        keeps_the_gates(now, move)
    if isinstance(move, Undo):
        undoes_in_order(now, move)


def drive(steps: Grid, choose: Callable[[int], int]) -> tuple[list[Place], list[Place], Move]:
    """Run to the end: `choose(n)` picks which running thing ends next, and how."""
    begun: list[Place] = []
    undone: list[Place] = []
    for _ in range(500):
        move = next_move(steps)
        look(steps, move)
        if isinstance(move, Start):
            begun += move.places
            for place in move.places:
                put(steps, place, S.RUNNING)
        elif isinstance(move, Undo):
            undone.append(move.place)
            put(steps, move.place, S.UNDOING)
        elif not isinstance(move, Wait):
            return begun, undone, move
        under_way = held(steps, S.RUNNING, S.UNDOING)
        if under_way and not isinstance(move, Start | Undo):
            place = under_way[choose(len(under_way))]
            ends = VERDICTS if place in held(steps, S.RUNNING) else (S.UNDONE, S.STUCK)
            put(steps, place, ends[choose(len(ends))])
    pytest.fail("it never ends")


shapes = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(shapes, st.data())
def test_whatever_the_verdicts_are(sizes: list[int], data: st.DataObject) -> None:
    can = st.booleans()
    steps = [[Item(S.WAITING, can_undo=data.draw(can)) for _ in range(size)] for size in sizes]
    begun, undone, move = drive(steps, lambda n: data.draw(st.integers(0, n - 1)))
    assert begun[0] == Place(0, 0), "the canary first"
    assert begun == sorted(set(begun)), "in order, each once"
    assert len(set(undone)) == len(undone)
    assert set(undone) <= set(begun), "only what was begun is undone"
    if isinstance(move, Done):
        assert len(begun) == sum(sizes)
        assert not held(steps, S.HARMED, S.BLIND, S.NOT_DONE, S.WAITING)
    else:
        assert isinstance(move, Stop)
        assert move.reason


@given(st.integers(1, 400))
def test_a_ramp_is_one_two_four_within_a_quarter_of_the_fleet(targets: int) -> None:
    found = waves(targets)
    assert [i for wave in found for i in wave] == list(range(targets)), "all of them, in order"
    sizes = [len(wave) for wave in found]
    assert sizes[0] == 1
    assert max(sizes) <= max(1, targets // 4)
    assert max(sizes) <= 4
    assert all(after <= 2 * before for before, after in pairwise(sizes))


@pytest.mark.parametrize(
    ("targets", "sizes"),
    [(1, [1]), (3, [1, 1, 1]), (8, [1, 2, 2, 2, 1]), (16, [1, 2, 4, 4, 4, 1])],
)
def test_ramps(targets: int, sizes: list[int]) -> None:
    assert [len(wave) for wave in waves(targets)] == sizes


def test_harm_is_undone_while_its_wave_still_runs() -> None:
    steps = grid(8)
    put(steps, Place(0, 0), S.MATCHED)
    put(steps, Place(0, 1), S.HARMED)
    put(steps, Place(0, 2), S.RUNNING)
    assert next_move(steps) == Undo(Place(0, 1))
    put(steps, Place(0, 1), S.UNDONE)
    assert next_move(steps) == Wait()
    put(steps, Place(0, 2), S.MATCHED)
    assert next_move(steps) == Undo(Place(0, 2))


def test_completed_steps_are_undone_in_reverse() -> None:
    steps = grid(1, 1, 1)
    put(steps, Place(0, 0), S.MATCHED)
    put(steps, Place(1, 0), S.MATCHED)
    put(steps, Place(2, 0), S.HARMED)
    for step in (2, 1, 0):
        assert next_move(steps) == Undo(Place(step, 0))
        put(steps, Place(step, 0), S.UNDONE)
    assert next_move(steps) == Stop(None, "everything is undone")


def test_the_first_undo_that_is_not_proved_is_the_last() -> None:
    steps = grid(1, 1)
    put(steps, Place(0, 0), S.MATCHED)
    put(steps, Place(1, 0), S.STUCK)
    assert next_move(steps) == Stop(Place(1, 0), "its undo is not proved")


def test_what_has_no_exact_undo_is_left_to_a_person() -> None:
    steps = grid(1, can_undo=False)
    put(steps, Place(0, 0), S.HARMED)
    assert next_move(steps) == Stop(Place(0, 0), "it has no exact undo")


def test_a_canary_that_did_no_harm_lets_the_ramp_go_on_and_the_last_wave_must_help() -> None:
    steps = grid(2)
    put(steps, Place(0, 0), S.PARTIAL)
    assert next_move(steps) == Start((Place(0, 1),))
    put(steps, Place(0, 1), S.PARTIAL)
    assert next_move(steps) == Stop(Place(0, 1), "it is not proved to have helped")
    put(steps, Place(0, 1), S.MATCHED)
    assert next_move(steps) == Done()


@pytest.mark.parametrize("standing", [S.NOT_DONE, S.BLIND])
def test_what_cannot_be_judged_stops_and_undoes_nothing(standing: Standing) -> None:
    steps = grid(1, 1, 1)
    put(steps, Place(0, 0), S.MATCHED)
    put(steps, Place(1, 0), standing)
    move = next_move(steps)
    assert isinstance(move, Stop)
    assert move.place == Place(1, 0)


def test_a_plan_without_steps_is_never_done() -> None:
    assert next_move([]) == Stop(None, "the plan has no steps")


@pytest.mark.parametrize(
    ("applied", "undo", "standing"),
    [
        (None, None, S.WAITING),
        ("approved", None, S.RUNNING),
        ("unknown", None, S.RUNNING),
        ("succeeded", None, S.MATCHED),
        ("inconclusive", None, S.BLIND),
        ("deviated", None, S.HARMED),
        ("failed", None, S.NOT_DONE),
        ("cancelled", None, S.NOT_DONE),
        ("deviated", "intent", S.UNDOING),
        ("succeeded", "unknown", S.UNDOING),
        ("deviated", "succeeded", S.UNDONE),
        ("deviated", "stale", S.STUCK),
        ("undone", "succeeded", S.UNDONE),
    ],
)
def test_how_far_a_target_is_by_its_rows(
    applied: str | None, undo: str | None, standing: Standing
) -> None:
    states = [ExecutionState(state) if state else None for state in (applied, undo)]
    assert standing_of(*states) is standing
    if applied == "inconclusive":
        assert standing_of(ExecutionState(applied), is_partial=True) is S.PARTIAL
