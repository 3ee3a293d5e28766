"""Functions over the samples of a range, as Prometheus computes them (promql/functions.go)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

EXTRAPOLATION_LIMIT: Final = 1.1


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series in the range [start, end], times in milliseconds."""

    start_ms: int
    end_ms: int
    times: Sequence[int]
    values: Sequence[float]


def apply(function: str, window: Window) -> float | None:
    """The function's value, or None where it has none (too few samples)."""
    return _FUNCTIONS[function](window) if window.values else None


def extrapolated(window: Window, *, is_counter: bool, is_rate: bool) -> float | None:
    """`rate`, `increase` and `delta`: the growth, extrapolated to the ends of the range.

    Follows `extrapolatedRate` of Prometheus 2.42: where the series begins or ends inside the
    range, half an average gap is added, and a counter is not taken below zero.
    """
    if len(window.values) < 2:
        return None
    growth = _growth(window.values, is_counter=is_counter)
    first_ms, last_ms = window.times[0], window.times[-1]
    sampled_s = (last_ms - first_ms) / 1000
    gap_s = sampled_s / (len(window.values) - 1)
    to_start_s = (first_ms - window.start_ms) / 1000
    to_end_s = (window.end_ms - last_ms) / 1000
    if is_counter and growth > 0 and window.values[0] >= 0:
        to_start_s = min(to_start_s, sampled_s * window.values[0] / growth)
    if to_start_s >= gap_s * EXTRAPOLATION_LIMIT:
        to_start_s = gap_s / 2
    if to_end_s >= gap_s * EXTRAPOLATION_LIMIT:
        to_end_s = gap_s / 2
    factor = (sampled_s + to_start_s + to_end_s) / sampled_s
    if is_rate:
        factor /= (window.end_ms - window.start_ms) / 1000
    return growth * factor


def _growth(values: Sequence[float], *, is_counter: bool) -> float:
    growth = values[-1] - values[0]
    if is_counter:
        growth += sum(before for before, after in pairwise(values) if after < before)
    return growth


def _irate(window: Window) -> float | None:
    if len(window.values) < 2:
        return None
    before, last = window.values[-2:]
    growth = last if last < before else last - before
    return growth / ((window.times[-1] - window.times[-2]) / 1000)


def _mean(window: Window) -> float:
    return sum(window.values) / len(window.values)


_FUNCTIONS: Final[dict[str, Callable[[Window], float | None]]] = {
    "rate": lambda window: extrapolated(window, is_counter=True, is_rate=True),
    "increase": lambda window: extrapolated(window, is_counter=True, is_rate=False),
    "delta": lambda window: extrapolated(window, is_counter=False, is_rate=False),
    "irate": _irate,
    "avg_over_time": _mean,
    "max_over_time": lambda window: max(window.values),
    "min_over_time": lambda window: min(window.values),
    "sum_over_time": lambda window: sum(window.values),
    "count_over_time": lambda window: float(len(window.values)),
    "last_over_time": lambda window: window.values[-1],
    "changes": lambda window: float(sum(a != b for a, b in pairwise(window.values))),
    "resets": lambda window: float(sum(b < a for a, b in pairwise(window.values))),
}
