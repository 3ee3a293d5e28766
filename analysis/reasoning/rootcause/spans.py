"""Time between services and inside them, before the incident and during it.

`clues` yields, each about one service:

- `rpc_gap`: caller's client span minus callee's server span: the network and the queue in front of
  the callee. An edge is slower because of either end, so the shifts of all edges are split between
  the services by non-negative least squares with an L1 penalty: one service that explains many
  edges is preferred to many that explain one each. Value: ln(1 + seconds / floor);
- `rpc_gap_share`: the part of all such shifts this service explains, 0 to 1;
- `self_time`: a visit's time without the calls it waits for, averaged over what the service does,
  like compared with like (same operation, same set of events). On the same scale.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from analysis.reasoning.rootcause.visits import Visit, visits_of
from analysis.types import Case, Clue

_ONSET_STEPS_S = (0.0, 20.0, 40.0, 60.0)
_FLOOR_S = 0.005  # a shift below this is nothing to a user, however steady the baseline
_ANY = "any edge"  # gaps are much alike everywhere: better than no baseline
_LONG_S = 2.0  # a shift that is as clear as one can be
_LEAST_BEFORE = 3  # samples that make a baseline
_PENALTY = 0.6  # of the L1 term, relative to the largest shift at a usual edge
_ROUNDS = 200  # of coordinate descent; small problems converge in a few


@dataclass(frozen=True)
class Shift:
    """How much longer something takes: seconds, and the square root of the samples behind it."""

    ends: frozenset[str]  # the services that may have caused it
    what: str
    seconds: float
    before_s: float
    during_s: float
    weight: float


@dataclass(frozen=True)
class _Timing:
    at: float
    seconds: float
    groups: tuple[Hashable, ...]  # what it may be compared with, the most alike first
    ends: frozenset[str]
    what: str


def clues(case: Case) -> list[Clue]:
    """Where time is lost, per service; empty without spans on both sides of the onset."""
    return clues_of(visits_of(case), case)


def clues_of(visits: Sequence[Visit], case: Case) -> list[Clue]:
    """As `clues`, of visits already built."""
    if case.window is None:
        return []
    inside = [v for v in visits if v.start < case.window[1]]
    onsets = [case.window[0] + step for step in _ONSET_STEPS_S]
    gap_timings, own_timings = _gap_timings(inside), _own_timings(inside)
    gaps = _widest([_shifts(gap_timings, onset) for onset in onsets])
    own = _widest([_shifts(own_timings, onset) for onset in onsets])
    candidates = frozenset(case.candidates)
    return [c for c in [*_gap_clues(gaps), *_own_clues(own)] if c.component in candidates]


def _gap_timings(visits: Iterable[Visit]) -> list[_Timing]:
    return [
        _Timing(
            v.start,
            v.gap_s,
            ((v.caller.kind, v.kind), (v.caller.kind[0], v.kind[0]), v.kind[0], _ANY),
            frozenset((v.caller.kind[0], v.kind[0])),
            f"{v.caller.kind[0]} to {v.kind[0]} {v.kind[1]}",
        )
        for v in visits
        if v.caller is not None and v.gap_s is not None
    ]


def _own_timings(visits: Iterable[Visit]) -> list[_Timing]:
    return [
        _Timing(v.start, v.own_s, ((v.kind, v.events), v.kind), frozenset((v.kind[0],)), v.kind[1])
        for v in visits
    ]


def _shifts(timings: Sequence[_Timing], onset: float) -> list[Shift]:
    """Median shift of each group that was seen during, against the most alike baseline there is."""
    before: defaultdict[Hashable, list[float]] = defaultdict(list)
    during: defaultdict[Hashable, list[_Timing]] = defaultdict(list)
    for timing in timings:
        if timing.at >= onset:
            during[timing.groups[0]].append(timing)
        else:
            for group in timing.groups:
                before[group].append(timing.seconds)
    shifts = (_shift(now, before) for now in during.values())
    return [shift for shift in shifts if shift is not None]


def _shift(now: Sequence[_Timing], before: Mapping[Hashable, Sequence[float]]) -> Shift | None:
    groups = (g for g in now[0].groups if len(before.get(g, ())) >= _LEAST_BEFORE)
    group = next(groups, None)
    if group is None:
        return None
    base = before[group]
    was, spread = median(base), _quartile_range(base)
    took = median(timing.seconds for timing in now)
    shift = took - was
    if abs(shift) < max(_FLOOR_S, spread):
        shift = 0.0
    weight = math.sqrt(min(len(now), len(base)))
    return Shift(now[0].ends, now[0].what, shift, was, took, weight)


def _quartile_range(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]


def _widest(found: Sequence[list[Shift]]) -> list[Shift]:
    """The shifts at the onset with the largest mean: there the two sides are kept apart best."""
    return max(found, key=_mean)


def _mean(shifts: Sequence[Shift]) -> float:
    weight = sum(s.weight for s in shifts)
    return sum(max(s.seconds, 0.0) * s.weight for s in shifts) / weight if weight else 0.0


def _gap_clues(shifts: Sequence[Shift]) -> list[Clue]:
    blame = explained(shifts)
    total = sum(blame.values())
    found = []
    for service, seconds in blame.items():
        worst = max((s for s in shifts if service in s.ends), key=lambda s: s.seconds)
        text = f"calls {worst.what} wait {worst.during_s:.3f} s, were {worst.before_s:.3f} s"
        score = _felt(seconds)
        was, now = worst.before_s, worst.during_s
        found.append(Clue(service, "rpc_gap", score, was, now, text))
        found.append(Clue(service, "rpc_gap_share", seconds / total, was, now, text))
    return found


def explained(shifts: Sequence[Shift]) -> dict[str, float]:
    """Seconds each service adds to the edges it is an end of; services that add none are left out.

    Minimises sum(weight * (shift - sum of its ends)^2) + L1, by coordinate descent from zero.
    """
    slower = max((s.seconds for s in shifts), default=0.0)
    if slower <= 0:
        return {}
    services = sorted({end for s in shifts for end in s.ends})
    ends = np.array([[service in s.ends for service in services] for s in shifts], dtype=float)
    goal = np.array([max(s.seconds, 0.0) for s in shifts])
    weights = np.array([s.weight for s in shifts])
    blame = _non_negative_lasso(ends, goal, weights, _PENALTY * slower * float(np.median(weights)))
    return {s: float(b) for s, b in zip(services, blame, strict=True) if b > _FLOOR_S}


def _non_negative_lasso(
    ends: NDArray[np.float64],
    goal: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64]:
    blame = np.zeros(ends.shape[1])
    mass = weights @ ends**2
    order = np.argsort(-(weights * goal) @ ends)  # those who may explain the most go first
    for _ in range(_ROUNDS):
        previous = blame.copy()
        for i in order:
            rest = goal - ends @ blame + ends[:, i] * blame[i]
            blame[i] = max(0.0, ((weights * ends[:, i]) @ rest - penalty / 2) / mass[i])
        if np.allclose(previous, blame, atol=_FLOOR_S / 100):
            break
    return blame


def _own_clues(shifts: Sequence[Shift]) -> list[Clue]:
    by_service: defaultdict[str, list[Shift]] = defaultdict(list)
    for shift in shifts:
        by_service[next(iter(shift.ends))].append(shift)
    found = []
    for service, own in by_service.items():
        seconds = float(np.average([s.seconds for s in own], weights=[s.weight for s in own]))
        if seconds > _FLOOR_S:
            worst = max(own, key=lambda s: s.seconds * s.weight)
            text = f"{worst.what} itself takes {worst.during_s:.3f} s, took {worst.before_s:.3f} s"
            value = _felt(seconds)
            found.append(Clue(service, "self_time", value, worst.before_s, worst.during_s, text))
    return found


def _felt(seconds: float) -> float:
    return min(1.0, math.log1p(seconds / _FLOOR_S) / math.log1p(_LONG_S / _FLOOR_S))
