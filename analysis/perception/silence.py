"""Series that reported and stopped: a gap is not a zero, and silence is trouble of its own kind."""

from dataclasses import dataclass

import numpy as np

from analysis.types import Floats

MIN_POINTS = 5  # finite points before the silence, or the series never really reported


@dataclass(frozen=True)
class Silence:
    """`row` said nothing since `last_at` (Unix seconds), for `for_s` seconds so far."""

    row: int
    last_at: float
    value: float  # the last it said
    for_s: float


def silent(times: Floats, values: Floats, *, patience_s: float) -> list[Silence]:
    """The rows of `values` (rows x times, NaN = gap) that have been silent for `patience_s`.

    Only rows with at least five points before they fell silent count. `times` in Unix seconds,
    ascending; the newest of them is now.
    """
    if not len(times):
        return []
    there = np.isfinite(values)
    newest = len(times) - 1 - np.argmax(there[:, ::-1], axis=1)
    for_s = times[-1] - times[newest]
    rows = np.flatnonzero((there.sum(axis=1) >= MIN_POINTS) & (for_s >= patience_s))
    return [
        Silence(
            row=row,
            last_at=float(times[newest[row]]),
            value=float(values[row, newest[row]]),
            for_s=float(for_s[row]),
        )
        for row in rows.tolist()
    ]
