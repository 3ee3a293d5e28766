"""The order of a plan: what may start next, what must be undone next, when a person must act. Pure.

A plan is 1 to 5 steps, a step acts on 1 to n targets, the canary first. A step starts after the
verdict of the one before it is a match. Within a step the ramp is one target, then two, then four,
never more at once than a quarter of the fleet; the next wave waits for the verdict of the last. A
deviation ends it: nothing starts any more, and what was done is undone in reverse order, one by
one, where the undo is exact, until one undo cannot be proved (`remediation.md` §2.8, a saga).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from remediation.types import ExecutionState

MAX_STEPS = 5
MAX_WAVE = 4
IN_FLIGHT = 4  # one in so many targets of a fleet, and at least one


class Standing(StrEnum):
    """How far the work on one target is."""

    WAITING = "waiting"
    RUNNING = "running"  # approved, sent, unknown or watched
    MATCHED = "matched"
    PARTIAL = "partial"  # done, no harm, not yet proved to help
    BLIND = "blind"  # done, and no data to judge it by
    HARMED = "harmed"
    NOT_DONE = "not_done"  # certainly without effect
    UNDOING = "undoing"
    UNDONE = "undone"
    STUCK = "stuck"  # its undo ended without proof


_S = Standing
_ENDED = frozenset(_S) - {_S.WAITING, _S.RUNNING}
_AFTER_HARM = frozenset({_S.HARMED, _S.UNDOING, _S.UNDONE, _S.STUCK})
_LASTING = frozenset({_S.MATCHED, _S.PARTIAL, _S.BLIND})


_E = ExecutionState
_STANDINGS = {
    _E.APPROVED: _S.RUNNING,
    _E.INTENT: _S.RUNNING,
    _E.UNKNOWN: _S.RUNNING,
    _E.VERIFYING: _S.RUNNING,
    _E.SUCCEEDED: _S.MATCHED,
    _E.DEVIATED: _S.HARMED,
    _E.UNDONE: _S.UNDONE,
}


def standing_of(
    applied: ExecutionState | None, undo: ExecutionState | None = None, *, is_partial: bool = False
) -> Standing:
    """From the state of what was done to a target and of its undo, None where there is none yet.

    `is_partial`: what ended inconclusive did no harm; otherwise there was no data to say so.
    """
    if applied is None:
        return _S.WAITING
    if undo is not None and applied is not _E.UNDONE:
        if undo is _E.SUCCEEDED:
            return _S.UNDONE
        return _S.UNDOING if _STANDINGS.get(undo) is _S.RUNNING else _S.STUCK
    if applied is _E.INCONCLUSIVE:
        return _S.PARTIAL if is_partial else _S.BLIND
    return _STANDINGS.get(applied, _S.NOT_DONE)


@dataclass(frozen=True)
class Item:
    standing: Standing
    can_undo: bool = False  # exactly, planned before the apply


@dataclass(frozen=True, order=True)
class Place:
    """One target of one step, both counted from 0."""

    step: int
    target: int


@dataclass(frozen=True)
class Start:
    """These, at the same time."""

    places: tuple[Place, ...]


@dataclass(frozen=True)
class Undo:
    place: Place


@dataclass(frozen=True)
class Wait:
    """Something is under way; its end decides."""


@dataclass(frozen=True)
class Done:
    """Every step has its match."""


@dataclass(frozen=True)
class Stop:
    """Nothing more is done by itself."""

    place: Place | None
    reason: str


Move = Start | Undo | Wait | Done | Stop
Steps = Sequence[Sequence[Item]]


def waves(targets: int) -> tuple[range, ...]:
    """The ramp over a fleet of so many targets: 1, 2, 4, 4, ... within the share in flight."""
    most = min(MAX_WAVE, max(1, targets // IN_FLIGHT))
    found: list[range] = []
    begun, size = 0, 1
    while begun < targets:
        found.append(range(begun, min(begun + min(size, most), targets)))
        begun, size = found[-1].stop, size * 2
    return tuple(found)


def next_move(steps: Steps) -> Move:
    """What follows from how far everything is. The same states always give the same move."""
    items = dict(_places(steps))
    if not items:
        return Stop(None, "the plan has no steps")
    if any(item.standing in _AFTER_HARM for item in items.values()):
        return _unwind(items)
    move = _stopped(steps, items) or _forward(steps)
    is_running = any(item.standing is _S.RUNNING for item in items.values())
    return Wait() if is_running and not isinstance(move, Start) else move


def _places(steps: Steps) -> Iterator[tuple[Place, Item]]:
    for number, step in enumerate(steps):
        for ordinal, item in enumerate(step):
            yield Place(number, ordinal), item


def _stopped(steps: Steps, items: dict[Place, Item]) -> Stop | None:
    """What ends a plan without harm: nothing done, nothing seen, or a step that did not help."""
    for place, item in items.items():
        if item.standing is _S.NOT_DONE:
            return Stop(place, "it did not happen")
        if item.standing is _S.BLIND:
            return Stop(place, "there was no data to judge it by")
        is_last = place.target in waves(len(steps[place.step]))[-1]
        if item.standing is _S.PARTIAL and is_last:
            return Stop(place, "it is not proved to have helped")
    return None


def _forward(steps: Steps) -> Move:
    for number, step in enumerate(steps):
        for wave in waves(len(step)):
            waiting = tuple(
                Place(number, each) for each in wave if step[each].standing is _S.WAITING
            )
            if waiting:
                return Start(waiting)
            if any(step[each].standing not in _ENDED for each in wave):
                return Wait()
    return Done()


def _unwind(items: dict[Place, Item]) -> Move:
    """Harm first, at once; then, when nothing runs any more, the rest in reverse order."""
    standings = {item.standing for item in items.values()}
    wait_or = Wait() if standings & {_S.RUNNING, _S.UNDOING} else None
    stuck = [place for place, item in items.items() if item.standing is _S.STUCK]
    if stuck:
        return wait_or or Stop(max(stuck), "its undo is not proved")
    if _S.UNDOING in standings:
        return Wait()
    for wanted in ({_S.HARMED}, _LASTING):
        left = [place for place, item in items.items() if item.standing in wanted]
        if left and items[max(left)].can_undo:
            if wanted is _LASTING and wait_or:
                return wait_or
            return Undo(max(left))
        if left:
            return wait_or or Stop(max(left), "it has no exact undo")
    return wait_or or Stop(None, "everything is undone")
