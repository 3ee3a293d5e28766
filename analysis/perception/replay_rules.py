"""The rules that need no memory, replayed: at every look, the window as it was then.

Silence, counters, known limits, error budgets and forecasts say at each look which rows are in
trouble and which are clear; what lies between the two is one anomaly.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.perception import burn_rate, resets, saturation, silence
from analysis.perception.forecast import foretell
from analysis.perception.saturation import Standing
from analysis.types import Floats, Trouble
from analysis.types.replays import Stretch


@dataclass(frozen=True)
class Sign:
    """What a row in trouble shows, in its unit."""

    value: float
    expected: float
    low: float
    high: float


# Of a window of (rows, times): a sign for a row in trouble, None for one that is clear; a row that
# is not named stays as it was.
Looking = Callable[[Floats, Floats], Mapping[int, Sign | None]]


@dataclass(frozen=True)
class WindowRule:
    """How one rule looks, and at how much. `edges` is the band it holds a series against."""

    kind: Trouble
    window_s: float
    looking: Looking
    direction: str = "up"
    edges: tuple[float, float] = (math.nan, math.nan)


def followed(times: Floats, values: Floats, rule: WindowRule, *, every: int) -> list[Stretch]:
    """What looking at `values` (rows, points) at every `every`-th of `times` amounts to.

    Oldest first. Causal: a look sees the window that ends with its own point.
    """
    found: list[Stretch] = []
    still_open: dict[int, tuple[float, Sign]] = {}
    for at in range(every - 1, len(times), every):
        begin = int(np.searchsorted(times, times[at] - rule.window_s, side="left"))
        window = values[:, begin : at + 1]
        said = dict(rule.looking(times[begin : at + 1], window))
        said |= dict.fromkeys(np.flatnonzero(~np.isfinite(window).any(axis=1)).tolist())
        for row, sign in said.items():
            if sign is not None:
                still_open.setdefault(row, (float(times[at]), sign))
            elif row in still_open:
                found.append(_stretch(rule, row, *still_open.pop(row), float(times[at])))
    found += [_stretch(rule, row, *began, None) for row, began in still_open.items()]
    return sorted(found, key=lambda one: (one.raised_at, one.row))


def _stretch(
    rule: WindowRule, row: int, raised_at: float, sign: Sign, ended_at: float | None
) -> Stretch:
    return Stretch(
        row=row,
        kind=rule.kind,
        direction=rule.direction,
        raised_at=raised_at,
        ended_at=ended_at,
        value=sign.value,
        expected=sign.expected,
        low=sign.low,
        high=sign.high,
        p_value=None,
    )


def silence_rule(*, window_s: float, patience_s: float) -> WindowRule:
    """Series that reported and stopped for `patience_s`."""

    def look(times: Floats, values: Floats) -> Mapping[int, Sign | None]:
        found: dict[int, Sign | None] = dict.fromkeys(range(len(values)))
        for one in silence.silent(times, values, patience_s=patience_s):
            found[one.row] = Sign(one.value, one.value, one.value, one.value)
        return found

    return WindowRule(Trouble.MISSING, window_s, look)


def reset_rule(*, window_s: float, least: float) -> WindowRule:
    """Counters that started anew `least` times within the window."""

    def look(times: Floats, values: Floats) -> Mapping[int, Sign | None]:
        found: dict[int, Sign | None] = dict.fromkeys(range(len(values)))
        for one in resets.resets(times, values):
            if one.count >= least:
                found[one.row] = Sign(float(one.count), 0.0, 0.0, least - 1)
        return found

    return WindowRule(Trouble.COUNTER_RESET, window_s, look)


def limit_rule(*, window_s: float, limit: float, margin: float, is_floor: bool) -> WindowRule:
    """Series within `margin` of `limit`; over when well off it again."""

    def look(times: Floats, values: Floats) -> Mapping[int, Sign | None]:
        found: dict[int, Sign | None] = {}
        nearness = saturation.nearness(times, values, limit=limit, margin=margin, is_floor=is_floor)
        for row, near in enumerate(nearness):
            if near is not None and near.standing is Standing.NEAR:
                found[row] = Sign(near.value, near.edge, near.edge, near.edge)
            elif near is not None and near.standing is Standing.CLEAR:
                found[row] = None
        return found

    off = margin or saturation.MARGIN * abs(limit)
    edges = (limit + off, math.inf) if is_floor else (-math.inf, limit - off)
    return WindowRule(Trouble.SATURATION, window_s, look, "down" if is_floor else "up", edges)


def burn_rule(*, objective: float) -> WindowRule:
    """Error budgets that burn fast; slow ones are foretold, and raise nothing."""
    budget = 1 - objective
    fastest = burn_rate.WINDOWS[0].factor * budget

    def look(times: Floats, values: Floats) -> Mapping[int, Sign | None]:
        found: dict[int, Sign | None] = dict.fromkeys(range(len(values)))
        for one in burn_rate.burns(times, values, objective=objective):
            if one.window.is_fast:
                edge = one.window.factor * budget
                found[one.row] = Sign(one.now_rate * budget, budget, 0.0, edge)
        return found

    window_s = max(window.long_s for window in burn_rate.WINDOWS)
    return WindowRule(Trouble.BURN_RATE, window_s, look, edges=(0.0, fastest))


def forecast_rule(*, window_s: float, limit: float, horizon_s: float, is_floor: bool) -> WindowRule:
    """Series on their way to `limit`: raised when foretold, over when withdrawn."""

    def look(times: Floats, values: Floats) -> Mapping[int, Sign | None]:
        breaches = foretell(times, values, limit=limit, horizon_s=horizon_s, is_floor=is_floor)
        return {
            row: None if one is None else Sign(one.value, one.limit, one.limit, one.limit)
            for row, one in enumerate(breaches)
        }

    edges = (limit, math.inf) if is_floor else (-math.inf, limit)
    return WindowRule(Trouble.FORECAST_BREACH, window_s, look, "down" if is_floor else "up", edges)
