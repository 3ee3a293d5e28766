"""Counters that fell back to their start: what counted was restarted, or its counter overflowed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.types import Floats

_FALLS_TO = 0.5  # of the value before: less of a fall is a correction, not a new start
_FALLS = 0.25  # of its steps at most, or the series is no counter


@dataclass(frozen=True)
class Resets:
    """How often the counter of `row` started anew, when first and last (Unix seconds)."""

    row: int
    count: int
    first_at: float
    last_at: float
    before: float  # the highest value it had fallen from


def resets(times: Floats, values: Floats) -> list[Resets]:
    """The counters among the rows of `values` (rows x times, NaN = gap) that started anew.

    A counter never falls but by starting anew, to less than half of what it was. A gap is bridged:
    the points on both sides are compared. Rows that fall more often than a fifth of their steps
    are gauges, and left alone. `times` in Unix seconds, ascending.
    """
    before = _carried(values)[:, :-1]
    after = values[:, 1:]
    with np.errstate(invalid="ignore"):
        falls = after < before
        starts = falls & (after <= _FALLS_TO * before) & (after >= 0)
    steps = np.isfinite(after) & np.isfinite(before)
    is_counter = falls.sum(axis=1) <= _FALLS * steps.sum(axis=1)
    found = []
    for row in np.flatnonzero(starts.any(axis=1) & is_counter).tolist():
        at = np.flatnonzero(starts[row])
        found.append(
            Resets(
                row=row,
                count=len(at),
                first_at=float(times[at[0] + 1]),
                last_at=float(times[at[-1] + 1]),
                before=float(before[row, at].max()),
            )
        )
    return found


def _carried(values: Floats) -> Floats:
    """Gaps filled with the newest value before them; NaN where there is none."""
    there = np.isfinite(values)
    places: NDArray[np.intp] = np.where(there, np.arange(values.shape[1]), 0)
    np.maximum.accumulate(places, axis=1, out=places)
    filled: Floats = np.take_along_axis(values, places, axis=1)
    return filled
