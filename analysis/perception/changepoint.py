"""When a series left its level, how surely, and to where: steps, and ramps such as leaks."""

from dataclasses import dataclass

import numpy as np

from analysis.perception.robust_z import level_and_scale
from analysis.types import Floats, Series

MIN_BASELINE = 8  # points
_MIN_DURING = 2
_QUIET = 0.02  # of the level: a series is never taken to be steadier than this
_NEAR = 1.5  # deviations within which a point still belongs to the level
_BETTER = 0.5  # a line must leave at most this share of a step's squared error


@dataclass(frozen=True)
class Level:
    """Looked at, and it did not shift. `level` is the median after the split."""

    level: float


@dataclass(frozen=True)
class Shift:
    """Times in seconds (`at` ± `error_s`), levels in the unit of the series."""

    at: float
    error_s: float
    direction: str  # up | down
    before: float
    during: float
    magnitude: float  # deviations
    is_ramp: bool
    until: float | None = None  # when it was back in its band for good; None while it is not


@dataclass(frozen=True)
class _Run:
    """The points that count, turned so that bad is up, and the indices that matter."""

    times: Floats
    away: Floats  # from the level, smoothed by a running median of three
    departs: int  # first point that is no longer near the level
    crosses: int  # first point out of band
    ends: int  # past the last point out of band in a row


def locate(
    series: Series,
    *,
    split: float,
    direction: str = "both",
    floor: float = 0.0,
    threshold: float = 4.0,
) -> Shift | Level | None:
    """The first lasting shift after `split` (Unix seconds) against the level before it.

    A shift leaves the median of the points before the split by `threshold` robust deviations and
    by `floor`, for two points of three. Its time is where the series departed from the level,
    walked back from the crossing; for a ramp, where the fitted line meets the level, which is
    before anything stood out of the noise. `error_s` is at least one step, half of the way from
    departure to crossing, and all that a line was drawn on beyond the departure. None: too few
    points on one side to say anything.
    """
    is_there = np.isfinite(series.values)
    times, values = series.times[is_there], series.values[is_there]
    before, after = values[times < split], values[times >= split]
    if len(before) < MIN_BASELINE or len(after) < _MIN_DURING:
        return None
    levels, scales = level_and_scale(before[None, :])
    level = float(levels[0])
    widened = 1 + 4 / len(before)
    scale = max(float(scales[0]), _QUIET * abs(level), np.finfo(np.float64).tiny) * widened
    half = max(threshold * scale, floor)
    away = _smoothed(values) - level
    sign = _bad_sign(away[times >= split], direction)
    run = _first_run(times, sign * away, split=split, half=half, near=_NEAR * scale)
    if run is None:
        return Level(float(np.median(after)))
    at, error_s, is_ramp = _onset(run, step_s=float(np.median(np.diff(times))))
    reached = run.away[run.ends - 1] if is_ramp else np.median(run.away[run.crosses : run.ends])
    return Shift(
        at=at,
        error_s=error_s,
        direction="up" if sign > 0 else "down",
        before=level,
        during=level + sign * float(reached),
        magnitude=threshold * float(reached) / half,
        is_ramp=is_ramp,
        until=_back_at(run, half=half),
    )


def _smoothed(values: Floats) -> Floats:
    """A running median of three: one wild point is not a shift."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    found: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    return found


def _bad_sign(away: Floats, direction: str) -> int:
    if direction == "both":
        return 1 if away[np.argmax(np.abs(away))] >= 0 else -1
    return 1 if direction == "up" else -1


def _first_run(
    times: Floats, away: Floats, *, split: float, half: float, near: float
) -> _Run | None:
    """The first stretch out of band after the split, walked back to where it departed."""
    out = np.flatnonzero((away > half) & (times >= split))
    if not len(out):
        return None
    crosses = int(out[0])
    inside = np.flatnonzero(away[crosses:] <= half)
    quiet = np.flatnonzero(away[:crosses] < min(max(near, half / 4), half))
    return _Run(
        times=times,
        away=away,
        departs=int(quiet[-1]) + 1 if len(quiet) else 0,
        crosses=crosses,
        ends=crosses + int(inside[0]) if len(inside) else len(away),
    )


def _onset(run: _Run, *, step_s: float) -> tuple[float, float, bool]:
    """(at, error, whether it is a ramp), all in seconds."""
    departed, crossed = float(run.times[run.departs]), float(run.times[run.crosses])
    times, away = run.times[run.departs : run.ends], run.away[run.departs : run.ends]
    if len(times) >= 6:
        slope, offset = np.polyfit(times - departed, away, 1)
        line_error = float(((away - offset - slope * (times - departed)) ** 2).sum())
        step_error = float(((away - away.mean()) ** 2).sum())
        if slope > 0 and line_error <= _BETTER * step_error and not _has_settled(away):
            at = departed - max(float(offset / slope), 0.0)
            at = max(at, float(run.times[0]))
            # What lies before the departure is drawn on by the line: unsure by all of it.
            return at, max(step_s, (crossed - at) / 2, departed - at), True
    return departed, max(step_s, (crossed - departed) / 2), False


def _back_at(run: _Run, *, half: float) -> float | None:
    """Where the last points, two at least, are in the band again: the first of them."""
    out = np.flatnonzero(run.away > half)
    back = int(out[-1]) + 1
    return float(run.times[back]) if len(run.away) - back >= _MIN_DURING else None


def _has_settled(away: Floats) -> bool:
    """Whether the last third no longer climbs: a smoothed step, not a ramp."""
    third = max(len(away) // 3, 2)
    climbed = float(np.median(away[-third:]) - np.median(away[-2 * third : -third]))
    return climbed < 0.15 * float(away.max())
