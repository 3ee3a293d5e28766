"""The second pass: a suspect's whole history, decomposed, to confirm it, name it or let it go.

The first pass knows two days at most and the hour of the day. Here weeks of one series are taken
apart into trend, day, week and rest (MSTL, Bandara et al. 2021, over STL, Cleveland et al. 1990),
which costs a thousand times as much and is done for suspects only.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from analysis.types import Floats, Trouble

DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0
MAX_POINTS = 1_440  # of a history that is decomposed: fifteen days, a quarter of an hour each
_PERIODS = 3  # of a season that must be there, or it is no season yet
_USUAL = 2.5  # robust deviations of the rest, within which a value is usual for its time
_UNEXPLAINED = 0.2  # of a departure from the trend: the rest is what the season foretold
_CONFIRMED = 4.0
_MOST_GAPS = 0.2  # of the history
_LASTING = 4  # points in a row off their place that make a level, not a spike
_NORMAL = 1.4826
# Robust, but smoothed at every twelfth point only: ten times as fast, and the same verdicts.
_STL = {
    "robust": True, "inner_iter": 1, "outer_iter": 3,
    "seasonal_jump": 12, "trend_jump": 12, "low_pass_jump": 12,
}  # fmt: skip


@dataclass(frozen=True)
class Opinion:
    """What the history says of the newest points; `deviations` are those of the rest.

    `is_usual`: the same has come at this time of day or week before, so the alarm is let go.
    """

    is_usual: bool
    is_confirmed: bool
    kind: Trouble
    expected: float
    deviations: float
    method: str


def opinion(times: Floats, values: Floats, *, kind: Trouble) -> Opinion | None:
    """Judge the newest point of a history against its own day and week.

    `times` (Unix seconds, evenly spaced) and `values` (points, NaN = gap, at most `MAX_POINTS`);
    `kind` is what the first pass took it for. None: too little history, or too many gaps, to say
    anything; then the first pass stands.
    """
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    there = np.isfinite(values)
    if not there.any() or there.mean() < 1 - _MOST_GAPS or not there[-1]:
        return None
    periods = _seasons(len(values), step_s)
    if not periods:
        return None
    filled = np.interp(times, times[there], values[there])
    # What is judged must not be learnt from: a season of two weeks would take it for its own.
    learnt = filled[:-_LASTING]
    trend, seasons, rest = _parts(learnt, periods)
    seasonal = sum(
        (
            one[len(learnt) - p : len(learnt) - p + _LASTING]
            for one, p in zip(seasons, periods, strict=True)
        ),
        start=np.zeros(_LASTING),
    )
    expected = float(trend[-1]) + seasonal
    off = (filled[-_LASTING:] - expected) / _scale(learnt, rest, max(periods))
    deviations = float(off[-1])
    unexplained = abs(filled[-1] - expected[-1]) / max(abs(filled[-1] - float(trend[-1])), 1e-300)
    is_usual = abs(deviations) <= _USUAL or unexplained <= _UNEXPLAINED
    names = " and ".join("week" if p * step_s > DAY_S else "day" for p in periods)
    return Opinion(
        is_usual=is_usual,
        is_confirmed=abs(deviations) >= _CONFIRMED and not is_usual,
        kind=_kind(off, seasonal, kind, swing=float(np.ptp(sum(seasons)))),
        expected=float(expected[-1]),
        deviations=deviations,
        method=f"MSTL over {names}",
    )


def _seasons(points: int, step_s: float) -> list[int]:
    """Lengths in points of the seasons that the history holds often enough: day, week."""
    if step_s <= 0:
        return []
    lengths = [round(season_s / step_s) for season_s in (DAY_S, WEEK_S)]
    least = {lengths[0]: _PERIODS, lengths[1]: 2}
    return [n for n in lengths if n >= 4 and points >= least[n] * n]


def _scale(values: Floats, rest: Floats, period: int) -> float:
    """One robust deviation from what is expected, as it is met a whole season later."""
    scales = [_NORMAL * float(np.median(np.abs(rest - np.median(rest))))]
    moves = values[period:] - values[:-period]
    scales.append(_NORMAL * float(np.median(np.abs(moves - np.median(moves)))) / np.sqrt(2))
    return max(*scales, 0.01 * float(np.median(np.abs(values))), 1e-12)


def _parts(values: Floats, periods: list[int]) -> tuple[Floats, list[Floats], Floats]:
    """Trend, each season, and the rest."""
    from statsmodels.tsa.seasonal import MSTL  # noqa: PLC0415 - a second to import, suspects only

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of seasons it drops, which are none here
        found = MSTL(values, periods=periods, iterate=1, stl_kwargs=dict(_STL)).fit()
    seasonal = found.seasonal.reshape(len(values), -1)
    return found.trend, list(seasonal.T), found.resid


def _kind(off: Floats, seasonal: Floats, first: Trouble, *, swing: float) -> Trouble:
    """What it is rather: off its place for long, not swinging when it should, or a spike."""
    if first in {Trouble.FLATLINE, Trouble.VARIANCE, Trouble.DRIFT}:
        return first
    if (np.abs(off) >= _CONFIRMED).all():
        is_swinging = float(np.ptp(seasonal)) > swing / 4
        return Trouble.SEASONAL_BREAK if is_swinging else Trouble.LEVEL_SHIFT
    return Trouble.SPIKE if abs(off[-1]) >= _CONFIRMED else first
