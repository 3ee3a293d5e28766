"""AIRRA's answer beside a bare insert, in short turns, so that no single disturbance decides.

The turns are taken A B B A, so that what slowly drifts (a growing table, a warm cache, a busy
neighbour) weighs on both. Each neighbouring pair gives one ratio; told are their median and the
interval that holds the true median 19 times in 20, whatever the ratios' distribution.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import psutil

from benchmarks.ingest_load import Outcome
from benchmarks.ingest_rig import Rig

_DOUBT = 0.05
Run = Callable[[str, str], Outcome]  # a path and a name that no other run has


@dataclass(frozen=True)
class Turn:
    """What one turn gave: answers a second, and the web process's CPU time for each."""

    per_s: float
    cpu_ms: float
    waits_s: list[float]


def in_turn(rig: Rig, run: Run, *, pairs: int) -> dict[str, Any]:
    """Both views in turn, each as fast as it goes, without a worker beside them."""
    turns: dict[str, list[Turn]] = {"bare": [], "ours": []}
    paths = {"bare": rig.bare, "ours": rig.hook}
    machine = Machine(rig)
    for number in range(pairs):
        order = ("bare", "ours") if number % 2 == 0 else ("ours", "bare")
        for name in order:
            before_s = rig.web_cpu_s()
            outcome = run(paths[name], f"{name}-{number}")
            cpu_ms = (rig.web_cpu_s() - before_s) * 1000 / len(outcome.waits)
            turns[name].append(Turn(outcome.rate, cpu_ms, outcome.waits))
    both = list(zip(turns["ours"], turns["bare"], strict=True))
    return {
        "pairs": pairs,
        "bare": _told(turns["bare"]),
        "ours": _told(turns["ours"]),
        "ratio": ratio_of([ours.per_s / bare.per_s for ours, bare in both]),
        "cpu_ratio": ratio_of([bare.cpu_ms / ours.cpu_ms for ours, bare in both]),
        "elsewhere": round(machine.elsewhere(), 2),
    }


def _told(turns: Sequence[Turn]) -> dict[str, float]:
    waits = sorted(wait for turn in turns for wait in turn.waits_s)
    return {
        "per_s": round(statistics.median(turn.per_s for turn in turns), 1),
        "cpu_ms": round(statistics.median(turn.cpu_ms for turn in turns), 3),
        "p50_ms": round(waits[len(waits) // 2] * 1000, 1),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 1),
    }


def ratio_of(ratios: Sequence[float]) -> dict[str, float]:
    """The median, the interval around it, and the least and greatest."""
    low, high = median_interval(ratios)
    found = {"median": statistics.median(ratios), "low": low, "high": high}
    ends = {"least": min(ratios), "greatest": max(ratios)}
    return {name: round(value, 3) for name, value in {**found, **ends}.items()}


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the true median lies, with 5 % of doubt: a value is below it as a coin falls.

    Of fewer than six values that is nowhere narrower than from the least to the greatest.
    """
    ordered, count = sorted(values), len(values)
    cut, doubt = 0, 0.0
    while doubt + comb(count, cut) / 2**count <= _DOUBT / 2:
        doubt += comb(count, cut) / 2**count
        cut += 1
    outermost = max(cut - 1, 0)
    return ordered[outermost], ordered[-1 - outermost]


def verdict(ratio: dict[str, float], goal: float) -> str:
    """Whether a goal is met, in one word; open when the interval holds the goal."""
    if ratio["low"] >= goal:
        return "met"
    return "missed" if ratio["high"] < goal else "open"


class Machine:
    """How much of all cores was used by processes that are none of the run's."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._begun = self._now()

    def elsewhere(self) -> float:
        """The share of the time there was since this was made."""
        busy, ours, there = (b - a for a, b in zip(self._begun, self._now(), strict=True))
        return max(busy - ours, 0.0) / there

    def _now(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        there = sum(times) - times.guest - times.guest_nice  # those two are in user and nice
        mine = psutil.Process().cpu_times()
        ours = mine.user + mine.system + self._rig.web_cpu_s() + self._rig.cluster.cpu_s()
        return there - times.idle - times.iowait, ours, there
