"""Readings of the past as the anomalies they would have been: opened, followed, ended.

The rules are those of a look: one anomaly of a series at a time; it is held against the band it
left, and ends when three points are back, when the series has been out for an hour and that is
what is expected by now, or when nothing was heard of it for ten minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np

from analysis.perception.bank import Readings
from analysis.perception.settings import Direction
from analysis.types import Floats, Trouble
from analysis.types.replays import Sketch, Stretch

BACK = 3  # points in a row that must be good again
NEW_NORMAL_S = 3_600.0
GONE_S = 600.0


def joined(blocks: Sequence[Readings]) -> Readings:
    """One after the other, oldest first, the readings of the same rows as one."""
    parts = {f.name: [getattr(block, f.name) for block in blocks] for f in fields(Readings)}
    return Readings(**{name: np.concatenate(found, axis=1) for name, found in parts.items()})


def stretches(times: Floats, values: Floats, readings: Readings) -> list[Stretch]:
    """What readings of `values` (rows, points) at `times` (points,) amount to, oldest first.

    Causal: what stands at one point never depends on later ones, save when it ended.
    """
    rows = np.flatnonzero(readings.is_flagged.any(axis=1)).tolist()
    found = [one for row in rows for one in _of_row(row, times, values[row], readings)]
    return sorted(found, key=lambda one: (one.raised_at, one.row))


def _of_row(row: int, times: Floats, values: Floats, readings: Readings) -> Iterator[Stretch]:
    free_from = 0
    for at in np.flatnonzero(readings.is_flagged[row]).tolist():
        if at < free_from:
            continue
        low, high = float(readings.low[row, at]), float(readings.high[row, at])
        expected, value = float(readings.expected[row, at]), float(values[at])
        direction = Direction.UP if value >= expected else Direction.DOWN
        edge = high if direction is Direction.UP else low
        end = _end(times, values, readings, row=row, at=at, edge=edge, direction=direction)
        free_from = len(times) if end is None else end + 1
        yield Stretch(
            row=row,
            kind=readings.trouble(row, at) or Trouble.LEVEL_SHIFT,
            direction=str(direction),
            raised_at=float(times[at]),
            ended_at=None if end is None else float(times[end]),
            value=value,
            expected=expected,
            low=low,
            high=high,
            p_value=float(readings.p_value[row, at]),
        )


def _end(
    times: Floats,
    values: Floats,
    readings: Readings,
    *,
    row: int,
    at: int,
    edge: float,
    direction: Direction,
) -> int | None:
    """The point at which what was raised at point `at` is over; None: not within `times`."""
    later = slice(at, None)
    seen, when = values[later], times[later]
    is_there = np.isfinite(seen)
    is_good = (seen <= edge) if direction is Direction.UP else (seen >= edge)
    is_in_band = (seen >= readings.low[row, later]) & (seen <= readings.high[row, later])
    places = np.flatnonzero(is_there)
    good = is_good[places].astype(np.intp)
    runs = np.convolve(good, np.ones(BACK, dtype=np.intp))[: len(good)]
    ends = [
        places[runs >= BACK],
        np.flatnonzero(is_in_band & (when - when[0] >= NEW_NORMAL_S)),
        np.flatnonzero(_silence(when, is_there) > GONE_S),
    ]
    first = min((int(found[0]) for found in ends if len(found)), default=None)
    return None if first is None else at + first


def _silence(when: Floats, is_there: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Seconds since the newest point that was there."""
    heard = np.maximum.accumulate(np.where(is_there, when, when[0]))
    return np.asarray(when - heard)


def sketch(times: Floats, values: Floats, low: Floats, high: Floats, *, points: int) -> Sketch:
    """At most `points` of a series and its band, for a picture.

    Of each stretch the point furthest from the middle of its band is kept: no spike is lost.
    """
    size = -(-len(times) // points)
    if size <= 1:
        return Sketch(times, values, low, high)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-12)
    away = np.where(np.isfinite(values), np.nan_to_num(np.abs(values - middle) / half, nan=0), -1)
    starts = range(0, len(times), size)
    kept = np.array([start + int(np.argmax(away[start : start + size])) for start in starts])
    return Sketch(times[kept], values[kept], low[kept], high[kept])
