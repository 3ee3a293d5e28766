"""The views of a point: how far it is off what several cheap forecasts expect, and for how long.

Each function takes the state of all series and one time. Times in seconds; values in the unit of
the series; arrays of two or three views have the view first and the row last.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.perception.state import BINS, BUCKETS, State
from analysis.types import Floats

Flags = NDArray[np.bool_]

DAY_S = 86_400.0
BIN_S = DAY_S / BINS
_UNREST = 2  # among the held views
_SPANS_S = np.array([300.0, 1_800.0])  # memory of the fast and the slow forecast
_SPAN_POINTS = np.array([3, 8])  # but at least so many points
_ERROR_S = 6 * 3_600.0
_UNREST_S, _UNREST_STEPS = 600.0, 5
_OUTLIER = 4.0  # mean errors beyond which a point moves a forecast no further
_SETTLED = 20  # points before that
_HOLD = ((300.0, 5), (1_800.0, 6))  # how long the held views must hold, and in how many parts
_UNREST_PART_S, _UNREST_PART_STEPS = 300.0, 4  # of few points nobody knows how they scatter
_DAY_SHARE = 0.15  # of the newest day in the profile, once there are several
_USUAL_SHARE = 0.3
_NEAR_BINS = 2  # a job that runs daily does not start to the minute
_STALE_S, _STALE_STEPS = 3_600.0, 8  # without a point, and the day has moved on
_MAX_GAP = 6  # steps that a gap may count for
_CAP = 8.0  # times the usual that one departure may count for in what is usual


@dataclass(frozen=True)
class Departures:
    """How far one point is off in every row.

    Off the (fast, slow) forecast and the profile of the day (NaN before it is known), and what of
    (slow, profile) held for the whole window; the `unrest` that held for half an hour.
    """

    off: Floats
    season: Floats
    expected_season: Floats
    held: Floats
    unrest: Floats


def hold(view: int, step_s: float) -> tuple[float, int]:
    """Length and number of the parts of the window of a held view: slow, profile, unrest."""
    if view == _UNREST:
        return max(_UNREST_PART_S, _UNREST_PART_STEPS * step_s), BUCKETS
    span_s, parts = _HOLD[view]
    length = max(step_s, span_s / parts)
    return length, max(1, min(BUCKETS, round(span_s / length)))


def depart(state: State, x: Floats, at: float, *, step_s: float) -> Departures:
    """How far the point is off, before anything is learnt from it."""
    is_stale = at - state.last_at > max(_STALE_S, _STALE_STEPS * step_s)
    if (is_stale & np.isfinite(x)).any():
        _cross_gap(state, np.flatnonzero(is_stale & np.isfinite(x)), at)
    expected = _profile_at(state, at) + state.offset
    season = x - expected
    off = x - state.level
    state.held_low[:, 0] = np.fmin(state.held_low[:, 0], (off[1], season))
    state.held_high[:, 0] = np.fmax(state.held_high[:, 0], (off[1], season))
    held = np.empty_like(off)
    for view in range(2):
        _, parts = hold(view, step_s)
        low = np.fmin.reduce(state.held_low[view, :parts], axis=0)
        high = np.fmax.reduce(state.held_high[view, :parts], axis=0)
        held[view] = np.fmax(low, 0) + np.fmin(high, 0)  # 0 where it changed sides
    unrest = _unrest(state, x, at, is_stale, step_s=step_s)
    return Departures(off, season, expected, held, unrest)


def usual(state: State, at: float) -> Floats:
    """The largest that is usual about this time of day (fast, slow, held, unrest)."""
    here = int(at % DAY_S / BIN_S)
    bins = np.arange(here - _NEAR_BINS, here + _NEAR_BINS + 1) % BINS
    near = state.usual[:, bins].max(axis=1)
    is_young = state.days[here] < 2
    found: Floats = np.where(is_young, np.maximum(near, state.usual_ever), near)
    return found.astype(np.float64)


def learn(
    state: State, x: Floats, there: Flags, gone: Departures, at: float, *, step_s: float
) -> None:
    """Let the forecasts and the profile follow the point; an outlier moves them a little only."""
    elapsed = _elapsed(state, at, step_s=step_s)
    early = 1 / (state.count + 1)
    limit = np.where((state.count > _SETTLED) & (state.error > 0), _OUTLIER * state.error, np.inf)
    tame = np.fmin(np.fmax(gone.off, -limit), limit)
    span_s = np.maximum(_SPANS_S, _SPAN_POINTS * step_s)[:, None]
    share = -np.expm1(-elapsed / span_s)
    share[1] = np.maximum(share[1], early)
    is_first = there & np.isnan(state.level[0])
    goes = there & ~is_first
    np.copyto(state.level, state.level + share * tame, where=goes)
    np.copyto(state.level, x, where=is_first)
    share = np.maximum(-np.expm1(-elapsed / _ERROR_S), early)
    np.copyto(state.error, state.error + share * (np.abs(tame) - state.error), where=goes)
    share = -np.expm1(-elapsed / DAY_S)
    np.copyto(state.offset, state.offset + share * gone.season, where=np.isfinite(gone.season))
    np.copyto(state.bin_sum, state.bin_sum + x, where=there)
    state.bin_count += there
    state.count += there


def close_bin(state: State, bin_: int) -> None:
    """Half an hour of the day is over: what it held becomes profile and what is usual."""
    seen = state.bin_count > 0
    state.days[bin_] = np.minimum(state.days[bin_] + seen.astype(np.uint8), 250)
    days = np.maximum(state.days[bin_], 1).astype(np.float64)
    mean = state.bin_sum / np.maximum(state.bin_count, 1)
    before = state.profile[bin_]
    moved = before + np.maximum(1 / days, _DAY_SHARE) * (mean - before)
    state.profile[bin_] = np.where(seen, np.where(np.isnan(before), mean, moved), before)
    state.bins_done += seen
    _close_usual(state, bin_, days)
    state.bin_sum[:] = 0
    state.bin_count[:] = 0
    state.bin_max[:] = 0


def open_parts(state: State, before: float, at: float, *, step_s: float) -> None:
    """Move the windows of the held views on to the time `at`."""
    windows = [*zip(state.held_low, state.held_high, strict=True), (state.held_unrest,)]
    for view, window in enumerate(windows):
        length, parts = hold(view, step_s)
        passed = parts if not np.isfinite(before) else int(at // length) - int(before // length)
        if passed <= 0:
            continue
        for kept in window:
            if passed < parts:
                kept[passed:parts] = kept[: parts - passed].copy()
            kept[: min(passed, parts)] = np.nan


def _elapsed(state: State, at: float, *, step_s: float) -> Floats:
    """Since the last point of each row; a longer gap counts as a few steps."""
    found: Floats = np.fmin(np.fmax(at - state.last_at, step_s), _MAX_GAP * step_s)
    return found


def _unrest(state: State, x: Floats, at: float, is_stale: Flags, *, step_s: float) -> Floats:
    """Follow how much neighbouring points differ, and tell what of it held."""
    differs = np.where(is_stale, np.nan, np.abs(x - state.last))
    share = -np.expm1(-_elapsed(state, at, step_s=step_s) / max(_UNREST_S, _UNREST_STEPS * step_s))
    before = np.where(np.isnan(state.unrest), differs, state.unrest)
    moved = before + share * (differs - before)
    np.copyto(state.unrest, moved, where=np.isfinite(moved))
    state.held_unrest[0] = np.fmin(state.held_unrest[0], moved)
    held: Floats = np.fmax(np.fmin.reduce(state.held_unrest, axis=0), 0.0)
    return held


def _close_usual(state: State, bin_: int, days: Floats) -> None:
    largest = state.bin_max.astype(np.float64)
    departed = largest > 0
    here, ever = state.usual[:, bin_], state.usual_ever
    capped = np.minimum(largest, _CAP * np.maximum(here, ever))
    known = np.where((days > 2) & (here > 0), capped, largest)
    share = np.where(here > 0, np.maximum(1 / days, _USUAL_SHARE), 1.0)
    state.usual[:, bin_] = np.where(departed, here + share * (known - here), here)
    known = np.where(state.bins_done > BINS / 2, np.minimum(largest, _CAP * ever), largest)
    share = np.maximum(1 / np.maximum(state.bins_done, 1), _USUAL_SHARE / BINS)
    state.usual_ever[:] = np.where(departed, ever + share * (known - ever), ever)


def _cross_gap(state: State, rows: NDArray[np.intp], at: float) -> None:
    """Move the forecasts over a long gap as the profile of the day moved meanwhile."""
    left = (state.last_at[rows] % DAY_S / BIN_S).astype(np.intp)
    moved = state.profile[int(at % DAY_S / BIN_S), rows] - state.profile[left, rows]
    state.level[:, rows] += np.nan_to_num(moved)


def _profile_at(state: State, at: float) -> Floats:
    """The profile between the middles of two half hours; NaN before both are known."""
    place = at % DAY_S / BIN_S - 0.5
    below = int(np.floor(place))
    share = place - below
    found: Floats = (
        state.profile[below % BINS] * (1 - share) + state.profile[(below + 1) % BINS] * share
    )
    return found
