"""How rare a departure is, in the measure of each series: extreme values of two-hour blocks.

The largest departure of every two hours is kept for two weeks. The logarithms of such maxima of
heavy-tailed data follow a Gumbel distribution (Fisher & Tippett 1928; Gumbel 1958, ch. 5), fitted
by two quantiles: the median and the ninetieth percentile, which incidents in up to a tenth of
the blocks do not move. A departure's score is its reduced variate: above 4 about the logarithm
of how many blocks one must wait for one as large.
"""

import math

import numpy as np

from analysis.perception.state import WINDOW, State
from analysis.types import Floats

BLOCK_S = 7_200.0
_WEEK_S = 604_800.0
MIN_BLOCKS = 12  # a day: fewer say nothing about a tail
_UPPER = 0.9
_MEDIAN_AT = -math.log(-math.log(0.5))  # reduced variates of the two quantiles
_UPPER_AT = -math.log(-math.log(_UPPER))
_MIN_SPREAD = 0.1  # no series is so regular that a departure 1.7 times the usual is a wonder
LARGEST = 1e30  # departures beyond are all alike; single precision ends at 1e38
_FEW = 8.0  # spreads of n blocks are widened by this share of 1/n


def needed(alarms_per_week: float, step_s: float) -> float:
    """The score that healthy series reach `alarms_per_week` times. Raises ValueError below 0."""
    if not alarms_per_week > 0:
        msg = f"expected alarms per week must be above 0, got {alarms_per_week}"
        raise ValueError(msg)
    share = min(alarms_per_week * block_s(step_s) / _WEEK_S, 0.5)
    return -math.log(-math.log1p(-share))


def block_s(step_s: float) -> float:
    return max(BLOCK_S, step_s)


def p_value(score: Floats) -> Floats:
    """The chance that two healthy hours hold something as large."""
    found: Floats = -np.expm1(-np.exp(-np.clip(score, -6, 700)))
    return found


def scores(state: State, sizes: Floats) -> Floats:
    """Of a departure in each view (views, rows); -inf where too little is known of its tail."""
    with np.errstate(divide="ignore"):
        found = (np.log(sizes) - state.centre) / state.spread + _MEDIAN_AT
    found[~(state.blocks >= MIN_BLOCKS)] = -np.inf
    return found


def sizes_at(state: State, score: float) -> Floats:
    """The departure that has `score` in each view; NaN where too little is known of the tail."""
    exponent = state.centre + (score - _MEDIAN_AT) * state.spread
    found = np.exp(np.minimum(exponent, math.log(LARGEST)).astype(np.float64))
    found[~(state.blocks >= MIN_BLOCKS)] = np.nan
    return found


def close_block(state: State) -> None:
    """Two hours are over: keep their maxima and fit the tails again."""
    for view in range(len(state.maxima)):
        rows = np.flatnonzero(state.block_max[view] > 0)
        if len(rows):
            slot = (state.blocks[view, rows] % WINDOW).astype(np.intp)
            state.maxima[view, slot, rows] = np.log(state.block_max[view, rows])
            state.blocks[view, rows] += 1
            _fit(state, view, rows)
    state.block_max[:] = 0


def _fit(state: State, view: int, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
    ordered = np.sort(state.maxima[view][:, rows].T.astype(np.float32), axis=1)
    count = np.minimum(state.blocks[view, rows], WINDOW).astype(np.intp)
    every = np.arange(len(rows))
    place = _UPPER * (count - 1)
    below = place.astype(np.intp)
    low, high = ordered[every, below], ordered[every, np.minimum(below + 1, count - 1)]
    upper = low + (high - low) * (place - below)
    centre = ordered[every, (count - 1) // 2]
    spread = (upper - centre) / (_UPPER_AT - _MEDIAN_AT) * (1 + _FEW / count)
    state.centre[view, rows] = centre
    state.spread[view, rows] = np.maximum(spread, _MIN_SPREAD)
