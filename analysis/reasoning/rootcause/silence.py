"""A caller that still works but no longer calls: seen in the traffic of those it used to call.

`clues` yields `stopped_calls` (0 to 1): the traffic of one or several callees, which never paused,
comes to nothing, and of their callers this is one that still has traffic of its own. With metrics
alone it is what a flow that is aborted in the middle looks like.
"""

from collections import defaultdict

import numpy as np

from analysis.reasoning.rootcause.changes import Pair, switch
from analysis.reasoning.rootcause.flows import flows
from analysis.reasoning.rootcause.shifts import Frame, Series
from analysis.types import Case, Clue

_NOTHING = 0.1  # of the usual traffic
_EVER_PAUSED = 0.05  # share of samples without traffic that makes a pause usual
_HALF = 8.0  # the G that is half convincing
_SURE = 3.0


def clues(case: Case) -> list[Clue]:
    """Who stopped calling, from traffic and topology; empty where one of them is not known."""
    frame = Frame.of(case)
    calls = {name: flow.calls for name, flow in flows(case).items() if flow.calls is not None}
    starved = {
        callee: weight
        for callee, series in calls.items()
        if (weight := _stopped(series[frame.before], series[frame.during])) > 0
    }
    blame: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for callee, weight in starved.items():
        callers = {a for a, b in case.edges if b == callee and a != callee and a not in starved}
        for caller in callers:
            blame[caller][callee] = weight / len(callers)
    return [
        _clue(caller, callees)
        for caller, callees in blame.items()
        if caller in case.candidates and sum(callees.values()) > _SURE
    ]


def _stopped(before: Series, during: Series) -> float:
    """The G of samples without traffic, before and during; 0 where pauses are usual."""
    was, now = before[~np.isnan(before)], during[~np.isnan(during)]
    if not len(was) or not len(now):
        return 0.0
    least = _NOTHING * float(np.median(was))
    idle_was, idle_now = _idle(was, least), _idle(now, least)
    if least <= 0 or idle_was[1] > _EVER_PAUSED * len(was):
        return 0.0
    return switch(idle_was, idle_now)


def _idle(series: Series, least: float) -> Pair:
    idle = int((series < least).sum())
    return len(series) - idle, idle


def _clue(caller: str, callees: dict[str, float]) -> Clue:
    weight = sum(callees.values())
    named = ", ".join(sorted(callees, key=lambda name: (-callees[name], name))[:3])
    return Clue(caller, "stopped_calls", weight / (weight + _HALF), detail=f"no calls to {named}")
