"""When a series will reach its limit, with an interval that is right nine times in ten.

The series is taken to be Brownian motion with drift. Drift and diffusion come from the increments
between blocks of its window, so that fast noise counts little; the time to the limit then follows
the inverse Gaussian law (Chhikara & Folks 1989), averaged over what the drift may really be
(Student's t over the blocks). Nothing is foretold unless the drift is beyond doubt and the limit
is reached within the horizon nine times in ten.
"""

import math

import numpy as np
from scipy import special

from analysis.types import Breach, Floats

MIN_POINTS = 24
METHOD = "first passage of a drifting series"
_BLOCKS = 12
_SURE = 0.9  # of the chances that it comes within the horizon
_BEYOND_DOUBT = 0.995  # that the drift is towards the limit
_LOW, _HIGH = 0.05, 0.95
_FARTHEST = 12.0  # windows ahead; a trend of five minutes says nothing of tomorrow
_RESTART = 8.0  # usual steps: a fall of more is a new start, and the trend begins there
_BENT, _LEVELS = 1.5, 0.05  # standard errors, and share of the mean, by which it slows down
_WIDER = 1.5 * 5 / 3  # of the variance between blocks; coverage is under test
_STRETCHES = (1.0, 0.5, 0.25)  # of the window that are tried
_NODES = 15
_FREEDOM = _BLOCKS - 2
_DRIFTS = special.stdtrit(_FREEDOM, (np.arange(_NODES) + 0.5) / _NODES)
_NEEDED = float(special.stdtrit(_FREEDOM, _BEYOND_DOUBT))


def foretell(
    times: Floats, values: Floats, *, limit: float, horizon_s: float, is_floor: bool = False
) -> list[Breach | None]:
    """For each row of `values` (rows x times, NaN = gap) when it reaches `limit`, or None.

    `times` in Unix seconds, ascending, the newest is now; `is_floor`: the limit is a lower one.
    A row that is there already has a breach that is expected now.
    """
    sign = -1.0 if is_floor else 1.0
    return [_of_row(times, sign * row, sign, sign * limit, horizon_s) for row in values]


def _of_row(
    times: Floats, values: Floats, sign: float, limit: float, horizon_s: float
) -> Breach | None:
    there = np.isfinite(values)
    at, x = times[there], values[there]
    if len(x) < 3:
        return None
    level, now = float(np.median(x[-3:])), float(at[-1])
    if level >= limit:
        return Breach(sign * level, sign * limit, now, now, now, METHOD)
    at, x = _since_restart(at, x)
    window_s, moves = _plainest(at, x)
    if moves is None or moves[0] < _NEEDED * moves[1]:
        return None
    ahead, chance = _passage(limit - level, *moves, horizon_s)
    low, middle = (float(np.interp(p, chance, ahead)) for p in (_LOW, 0.5))
    is_sure = float(np.interp(horizon_s, ahead, chance)) >= _SURE
    if not is_sure or middle > _FARTHEST * window_s:
        return None
    high = float(np.interp(_HIGH, chance, ahead)) if chance[-1] >= _HIGH else None
    return Breach(
        value=sign * level,
        limit=sign * limit,
        earliest=now + low,
        expected=now + middle,
        latest=None if high is None else now + high,
        method=METHOD,
    )


def _since_restart(at: Floats, x: Floats) -> tuple[Floats, Floats]:
    """The points since the last fall that is no part of the noise: a restart, a clean-up."""
    steps = np.diff(x)
    usual = 1.4826 * np.median(np.abs(steps - np.median(steps)))
    falls = np.flatnonzero(-steps > np.maximum(_RESTART * usual, 0.05 * (x.max() - x.min())))
    begin = int(falls[-1]) + 1 if len(falls) else 0
    return at[begin:], x[begin:]


def _plainest(at: Floats, x: Floats) -> tuple[float, tuple[float, float, float] | None]:
    """The newest stretch, all of it or a part, in which the drift is plainest, and how long it is.

    A leak that began half an hour ago is no trend of the whole hour. But what levels off over the
    whole has no straight stretch either, however straight its newest points look.
    """
    best: tuple[float, tuple[float, float, float] | None] = (0.0, None)
    for share in _STRETCHES:
        begin = int(len(x) * (1 - share))
        moves = _moves(at[begin:], x[begin:])
        if moves is None and share == 1.0:
            break
        if moves is not None and (best[1] is None or moves[0] / moves[1] > best[1][0] / best[1][1]):
            best = float(at[-1] - at[begin]), moves
    return best


def _moves(at: Floats, x: Floats) -> tuple[float, float, float] | None:
    """Drift (units a second), its standard error, and diffusion (units a root second)."""
    if len(x) < MIN_POINTS or at[-1] <= at[0]:
        return None
    block = np.minimum(((at - at[0]) / (at[-1] - at[0]) * _BLOCKS).astype(np.intp), _BLOCKS - 1)
    if len(np.unique(block)) < _BLOCKS:
        return None
    means = np.bincount(block, x) / np.bincount(block)
    increments = np.diff(means)
    length_s = float(at[-1] - at[0]) / _BLOCKS
    spread = max(float(increments.std(ddof=1)), 1e-9 * float(np.abs(increments).max()), 1e-300)
    # Means of blocks have two thirds of the variance of the series (Working 1960); the rest is for
    # choosing: those are foretold whose drift happens to look strong.
    spread *= math.sqrt(_WIDER)
    if _is_levelling_off(increments):
        return None
    drift = float(increments.mean()) / length_s
    return drift, spread / math.sqrt(len(increments)) / length_s, spread / math.sqrt(length_s)


def _is_levelling_off(increments: Floats) -> bool:
    """Whether the newest third climbs slower than the oldest by more than chance: no straight way.

    The scatter is taken around the line through the increments, so that the bend is no noise.
    """
    third = len(increments) // 3
    place = np.arange(len(increments))
    rest = increments - np.polyval(np.polyfit(place, increments, 1), place)
    error = float(rest.std(ddof=2)) * math.sqrt(2 / third)
    slower = float(increments[:third].mean() - increments[-third:].mean())
    return slower > max(_BENT * error, _LEVELS * abs(float(increments.mean())))


def _passage(
    distance: float, drift: float, doubt: float, diffusion: float, horizon_s: float
) -> tuple[Floats, Floats]:
    """Seconds ahead, and the chance that the limit is reached by then, over all likely drifts."""
    # Those are foretold whose drift looks strong: shrunk as that asks (James & Stein 1961).
    drift -= doubt**2 / drift
    straight_s = distance / drift
    ahead = np.geomspace(straight_s / 50, max(straight_s, horizon_s) * 50, 400)
    drifts = drift + doubt * _DRIFTS
    root = diffusion * np.sqrt(ahead)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        direct = special.ndtr((drifts * ahead[:, None] - distance) / root)
        # exp(big) * Phi(-big) in logarithms, or it overflows where the drift is strong
        mirrored = np.exp(
            2 * drifts * distance / diffusion**2
            + special.log_ndtr((-drifts * ahead[:, None] - distance) / root)
        )
    chance = np.clip(np.nan_to_num(direct + mirrored, nan=1.0), 0, 1).mean(axis=1)
    return ahead, np.maximum.accumulate(chance)
