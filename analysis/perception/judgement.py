"""What the views of a point make of it together: the loudest speaks, each in its own tail."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.perception import block_tails, views, young
from analysis.perception.settings import DetectorSettings, Direction
from analysis.perception.state import RECENT, State
from analysis.perception.views import Departures, Flags
from analysis.types import Floats, Trouble

KINDS = (
    Trouble.SPIKE,
    Trouble.LEVEL_SHIFT,
    Trouble.DRIFT,
    Trouble.VARIANCE,
    Trouble.FLATLINE,
    Trouble.LEVEL_SHIFT,  # of the young view
    Trouble.SEASONAL_BREAK,
)
_SPIKE, _SHIFT, _DRIFT, _UNREST, _FLAT, _YOUNG, _SEASON = range(len(KINDS))
_LEARNT, _VIEWS = 4, 6  # views whose tails are learnt, and all

_DOUBT = 1.5  # restlessness comes and goes with load: it must be so much surer than the rest

_FLAT_RUNS = 3.0  # times the longest run of one value so far
_FLAT_S, _FLAT_POINTS = 1_800.0, 12  # and at least
_FLAT_CHANGES = 50  # changes of value before a run of one value means anything
_FORGET_S = 14 * views.DAY_S  # half-life of the longest run


@dataclass(frozen=True)
class Judgement:
    """Of one point in every row, by the loudest view."""

    score: Floats
    is_loud: Flags
    kind: NDArray[np.intp]
    expected: Floats
    half: Floats


@dataclass(frozen=True)
class Look:
    """One point in every row, how it is to be judged, and by what is known of each row.

    `scale` (fast, slow, held, unrest) is usual at this time of day, `reach` (spike, shift, drift,
    unrest) the departure that has the needed score.
    """

    x: Floats
    at: float
    step_s: float
    ticks: int
    needed: float
    room: Floats
    settings: DetectorSettings
    scale: Floats
    reach: Floats
    is_young: Flags


@dataclass(frozen=True)
class _Opinions:
    """Of each view (views, rows): score, departure with its sign, and the band it judged by."""

    score: Floats
    off: Floats
    expected: Floats
    half: Floats

    @classmethod
    def empty(cls, rows: int) -> "_Opinions":
        unknown = np.full((2, _VIEWS, rows), np.nan)
        return cls(np.full((_VIEWS, rows), -np.inf), np.zeros((_VIEWS, rows)), *unknown)


def judge(state: State, look: Look) -> Judgement:
    """What the views make of the point; then they learn from it."""
    state.recent[(look.ticks - 1) % RECENT] = look.x
    gone = views.depart(state, look.x, look.at, step_s=look.step_s)
    sizes = _sizes(gone, look.scale)
    said = _Opinions.empty(state.rows)
    _learnt(said, state, look, gone, sizes)
    if look.settings.direction == Direction.BOTH:
        _flat(said, state, look)
    if look.is_young.any():
        _young(said, state, look)
    judged = _loudest(said, state, look, gone)
    _learn(state, look, gone, sizes)
    return judged


def forget_trouble(state: State, ticks: int, is_loud: Flags) -> None:
    """Keep trouble out of the baseline of young series: the way back is not to look unusual."""
    state.recent[(ticks - young.PERSISTENCE) % RECENT, is_loud] = np.nan


def _sizes(gone: Departures, scale: Floats) -> Floats:
    """Departures in what is usual at this time of day, of the drift in the unit of the series.

    A spike is off both forecasts to the same side: two views that agree. Nothing is usual before
    anything departed, and then a departure has no size.
    """
    sizes = np.empty((_LEARNT, gone.off.shape[1]))
    with np.errstate(divide="ignore"):
        sizes[0] = np.sqrt(np.fmax(gone.off[0] * gone.off[1], 0.0) / (scale[0] * scale[1]))
        sizes[1] = np.abs(gone.held[0]) / scale[2]
        sizes[3] = gone.unrest / scale[3]
    sizes[2] = np.abs(gone.held[1])
    sizes[~np.isfinite(sizes)] = 0.0
    return np.minimum(sizes, block_tails.LARGEST)


def _learnt(said: _Opinions, state: State, look: Look, gone: Departures, sizes: Floats) -> None:
    """The opinions of the views whose tails are learnt."""
    fast, slow = state.level
    said.score[:_LEARNT] = block_tails.scores(state, sizes / look.room)
    said.score[_UNREST] -= _DOUBT
    said.expected[0] = (fast + slow) / 2
    said.expected[1] = slow
    said.expected[2] = gone.expected_season
    said.off[0] = look.x - said.expected[0]
    said.off[1:3] = gone.held
    product = look.reach[0] ** 2 * look.scale[0] * look.scale[1]
    said.half[0] = np.sqrt(((fast - slow) / 2) ** 2 + product)
    said.half[1] = look.reach[1] * look.scale[2]
    said.half[2] = look.reach[2]
    said.expected[_UNREST], said.half[_UNREST] = said.expected[_SPIKE], said.half[_SPIKE]


def _flat(said: _Opinions, state: State, look: Look) -> None:
    """A run of one value, three times as long as any before.

    A flat line has no direction: only detectors of both directions look for it.
    """
    run_s = np.where(look.x == state.last, look.at - state.run_since, 0.0)
    least = max(_FLAT_S, _FLAT_POINTS * look.step_s)
    limit = np.maximum(_FLAT_RUNS * state.longest_run_s, least) * look.room
    said.score[_FLAT] = np.where(
        state.changes > _FLAT_CHANGES, look.needed * run_s / limit, -np.inf
    )
    said.expected[_FLAT], said.half[_FLAT] = said.expected[_SPIKE], said.half[_SPIKE]


def _young(said: _Opinions, state: State, look: Look) -> None:
    """The newest points against those before, for rows without a day of history.

    Where the day itself would look like a drift there is a band to draw, but no verdict.
    """
    rows = np.flatnonzero(look.is_young)
    recent = np.roll(state.recent[:, rows], -(look.ticks % RECENT), axis=0).T
    judged = young.judge(
        recent.astype(np.float64),
        needed=look.needed,
        floor=look.settings.floor,
        tolerance=look.room[rows],
    )
    if look.step_s <= young.MAX_STEP_S:
        said.score[_YOUNG, rows] = np.abs(judged.score)
    said.off[_YOUNG, rows] = judged.score
    said.expected[_YOUNG, rows] = judged.level
    said.half[_YOUNG, rows] = judged.half


def _heard(said: _Opinions, look: Look, gone: Departures) -> Floats:
    """The scores that count: in the bad direction, and of what is beyond the floor.

    Unrest and flat lines have no direction, so only detectors of both directions hear of them.
    """
    floor, way = look.settings.floor, look.settings.direction
    score = said.score
    if way != Direction.BOTH:
        score = np.where(said.off > 0 if way == Direction.UP else said.off < 0, score, -np.inf)
    if floor > 0:
        is_far = np.abs(look.x - said.expected) >= floor
        is_far[_UNREST], is_far[_FLAT] = gone.unrest >= floor, True
        score = np.where(is_far, score, -np.inf)
    return score


def _loudest(said: _Opinions, state: State, look: Look, gone: Departures) -> Judgement:
    """The opinion with the highest score that counts; a plain band where all is well."""
    score = _heard(said, look, gone)
    kind = score.argmax(axis=0)
    every = np.arange(state.rows)
    loudest = np.where(np.isfinite(look.x), score[kind, every], -np.inf)
    is_loud = loudest >= look.needed
    shown = np.where(is_loud, kind, np.where(look.is_young, _YOUNG, _SPIKE))
    expected = said.expected[shown, every]
    # No scale times a reach without bounds is not a number: such a band is its middle.
    half = np.fmax(said.half[shown, every], look.settings.floor)
    if (is_loud & (kind == _DRIFT)).any():
        kind = np.where(
            _is_elsewhere_normal(state, look), np.where(kind == _DRIFT, _SEASON, kind), kind
        )
    return Judgement(loudest, is_loud, kind, expected, half)


def _is_elsewhere_normal(state: State, look: Look) -> Flags:
    """Whether the value is normal at another time of day: its drift is a break of the season."""
    low = np.fmin.reduce(state.profile, axis=0) + state.offset
    high = np.fmax.reduce(state.profile, axis=0) + state.offset
    found: Flags = (look.x >= low) & (look.x <= high)
    return found


def _learn(state: State, look: Look, gone: Departures, sizes: Floats) -> None:
    x, there = look.x, np.isfinite(look.x)
    np.copyto(state.block_max, np.maximum(state.block_max, sizes), where=there)
    largest = np.stack([*np.abs(gone.off), np.abs(gone.held[0]), gone.unrest])
    np.copyto(state.bin_max, np.fmax(state.bin_max, largest), where=there)
    state.longest_run_s *= 0.5 ** (look.step_s / _FORGET_S)
    is_new = there & (x != state.last)
    ended_s = np.where(is_new, state.last_at - state.run_since, 0.0)
    state.longest_run_s[:] = np.fmax(state.longest_run_s, ended_s)
    state.run_since[is_new] = look.at
    state.changes += is_new
    views.learn(state, x, there, gone, look.at, step_s=look.step_s)
    state.lowest[:] = np.fmin(state.lowest, x)
    state.last[there] = x[there]
    state.last_at[there] = look.at
