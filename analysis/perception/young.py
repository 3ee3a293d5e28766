"""The view of a series that has no day of history yet: its newest points against those before.

All that is known are the newest 64 points. Several lengths of the suspect stretch are tried, never
longer than the history before it, and the baseline from which the newest three points stand out
most clearly is taken, since one that holds a part of the anomaly is blurred by it.
"""

from dataclasses import dataclass

import numpy as np

from analysis.perception.robust_z import level_and_scale
from analysis.types import Floats

MIN_BASELINE = 12  # points; fewer say nothing about what is normal
MAX_STEP_S = 60.0  # of a coarser series the newest points span hours, and every day looks a drift
PERSISTENCE = 3  # newest points that must all be off
_STALE = 3  # newest points that may be missing before there is no verdict
_QUIET = 0.02  # of the level: a series is never taken to be steadier than this
_NEAR = 0.8  # deviations from the mean of all points within which the newest are no suspects


@dataclass(frozen=True)
class Young:
    """(rows,): what is expected, half the band, and deviations off it (signed) of the newest."""

    level: Floats
    half: Floats
    score: Floats


def judge(recent: Floats, *, needed: float, floor: float, tolerance: Floats) -> Young:
    """Judge the newest points of each row of `recent` (rows x points, oldest first, NaN = gap).

    `needed` is how many deviations make half a band. No verdict (NaN, score 0) on fewer than 12
    points before the newest three, nor when the newest points are missing.
    """
    level, scale, count = _moments(recent)
    half = _half(scale, level, count, needed=needed, floor=floor, tolerance=tolerance)
    is_unknown = count < MIN_BASELINE
    level[is_unknown], half[is_unknown] = np.nan, np.nan
    score = np.zeros(len(recent))
    newest, is_fresh = _newest(recent)
    with np.errstate(invalid="ignore"):
        least = _least(newest, level)
        is_suspect = is_fresh & (np.abs(least) > _NEAR * scale)
    rows = np.flatnonzero(is_suspect)
    for tail in _tails(recent.shape[1]) if len(rows) else ():
        base = recent[rows, :-tail]
        there = np.isfinite(base).sum(axis=1)
        mid, wide = level_and_scale(base)
        room = _half(wide, mid, there, needed=needed, floor=floor, tolerance=tolerance[rows])
        room[there < max(MIN_BASELINE, tail)] = np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            found = np.nan_to_num(needed * _least(newest[rows], mid) / room, nan=0.0)
        is_better = np.abs(found) > np.abs(score[rows])
        at = rows[is_better]
        score[at], level[at], half[at] = found[is_better], mid[is_better], room[is_better]
    return Young(level, half, score)


def _tails(length: int) -> list[int]:
    """Lengths of the suspect stretch to try, shortest first."""
    wanted = {PERSISTENCE, 4 * PERSISTENCE, length // 4, length // 2}
    return sorted(tail for tail in wanted if PERSISTENCE <= tail <= length - MIN_BASELINE)


def _moments(recent: Floats) -> tuple[Floats, Floats, Floats]:
    there = np.isfinite(recent)
    count = there.sum(axis=1).astype(np.float64)
    mean = np.where(there, recent, 0.0).sum(axis=1) / np.maximum(count, 1)
    off = np.where(there, recent - mean[:, None], 0.0)
    return mean, np.sqrt((off**2).sum(axis=1) / np.maximum(count, 1)), count


def _newest(recent: Floats) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The newest points that exist in each row (rows x 3), and the rows where they are fresh."""
    end = recent[:, -(PERSISTENCE + _STALE) :]
    there = np.isfinite(end)
    from_end = np.cumsum(there[:, ::-1], axis=1)[:, ::-1]
    marked = there & (from_end <= PERSISTENCE)
    is_fresh = (marked.sum(axis=1) == PERSISTENCE) & there[:, -1]
    return np.where(marked, end, np.nan), is_fresh


def _least(newest: Floats, level: Floats) -> Floats:
    """The smallest departure of the newest points, signed; 0 where they are on both sides."""
    off = newest - level[:, None]
    low, high = np.fmin.reduce(off, axis=1), np.fmax.reduce(off, axis=1)
    found: Floats = np.where(low > 0, low, np.where(high < 0, high, 0.0))
    return found


def _half(
    scale: Floats,
    level: Floats,
    count: Floats,
    *,
    needed: float,
    floor: float,
    tolerance: Floats,
) -> Floats:
    """Half the band. Short histories have too small a spread: widened by 4 in n."""
    tiny = np.finfo(np.float64).tiny
    wide = np.fmax(scale, _QUIET * np.abs(level)) * (1 + 4 / np.maximum(count, 1)) + tiny
    found: Floats = np.fmax(needed * wide * tolerance, floor)
    return found
