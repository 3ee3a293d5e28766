"""How near a series is to a limit that is known: full is trouble whatever is usual."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analysis.types import Floats

MARGIN = 0.1  # of the limit: what is left when it alarms, unless the detector says otherwise
_PERSISTENCE = 3  # newest points that must all be there
_RELIEF = 1.5  # margins that must be left again before it is over


class Standing(StrEnum):
    NEAR = "near"  # of its limit
    CLEAR = "clear"  # well off it again
    BETWEEN = "between"  # neither: what was before goes on


@dataclass(frozen=True)
class Nearness:
    """`edge` is the value at which it alarms; `since` (Unix seconds) when it got beyond it."""

    standing: Standing
    value: float
    edge: float
    since: float


def nearness(
    times: Floats, values: Floats, *, limit: float, margin: float = 0.0, is_floor: bool = False
) -> list[Nearness | None]:
    """How each row of `values` (rows x times, NaN = gap) stands to `limit`, in its unit.

    Near: the newest three points are within `margin` of the limit, or beyond it; clear: the newest
    three are at least one and a half margins off. `margin` 0 is a tenth of the limit. `is_floor`:
    the limit is a lower one. None for a row with fewer than three points.
    """
    margin = margin or MARGIN * abs(limit)
    sign = -1.0 if is_floor else 1.0
    return [_of_row(times, sign * row, sign, sign * limit, margin) for row in values]


def _of_row(
    times: Floats, values: Floats, sign: float, limit: float, margin: float
) -> Nearness | None:
    there = np.flatnonzero(np.isfinite(values))
    if len(there) < _PERSISTENCE:
        return None
    edge = limit - margin
    newest = values[there[-_PERSISTENCE:]]
    below = there[values[there] < edge]
    first = there[there > below[-1]] if len(below) else there
    if (newest >= edge).all():
        standing = Standing.NEAR
    elif (newest < limit - _RELIEF * margin).all():
        standing = Standing.CLEAR
    else:
        standing = Standing.BETWEEN
    since = times[first[0]] if len(first) else times[there[-1]]
    return Nearness(standing, sign * float(newest[-1]), sign * edge, float(since))
