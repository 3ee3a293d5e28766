"""Bags of events per visit: what always happened and stopped, or appears for the first time.

A visit (visits.py) is compared with those of its kind before the incident. If its set of events is
as good as unknown there, its difference to the nearest usual set says what changed, and a 2x2 table
(usual, changed; before, during) how surely (G-test). In each trace the change that ended first is
the cause of the others: a callee ends before its caller, an earlier call before a later.

`clues` yields, each about one service and valued 0 to 1 (half at G = 8, p about .005):

- `changed_events`: the strongest change that no earlier change of its trace explains (its G is
  discounted by how far the switch is from "never before, always now");
- `stopped_event`: the same, of changes in which something that used to happen is missing;
- `new_error`, `new_event`: the same, of changes in which an error (or anything else) is new;
- `only_stopped`: the same, of changes with nothing new in the place of what stopped: a flow that
  was aborted (exception) rather than led elsewhere (a wrong return).
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.reasoning.rootcause.visits import Event, Kind, Visit, visits_of
from analysis.types import Case, Clue

Bag = frozenset[Event]

_ONSET_STEPS_S = (-45.0, -30.0, -15.0, 0.0, 15.0, 30.0, 45.0, 60.0)
_RARE = 0.2  # a set seen in more of the visits before than this is usual, not a change
_HALF = 8.0  # the G that is half convincing
_SURE = 3.0  # G below this (p about .08) is a change nobody should be blamed for
_USUAL_KEPT = 60  # usual sets to look for the nearest in, the most frequent first
_ERROR_WORD = re.compile(r"error|exception|fail|fault", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """Visits of `kind` that used to be `usual` and now are `bag`; counts before and during."""

    kind: Kind
    bag: Bag
    usual: Bag
    before: tuple[int, int]  # visits that were (usual, bag)
    during: tuple[int, int]
    weight: float

    @property
    def stopped(self) -> Bag:
        return self.usual - self.bag

    @property
    def new(self) -> Bag:
        return self.bag - self.usual


def clues(case: Case) -> list[Clue]:
    """What changed in the flow of requests, per service; empty without spans on both sides."""
    return clues_of(visits_of(case), case)


def clues_of(visits: Sequence[Visit], case: Case) -> list[Clue]:
    """As `clues`, of visits already built."""
    if case.window is None:
        return []
    visits = [v for v in visits if v.start < case.window[1]]
    best: list[tuple[Change, float]] = []
    for step in _ONSET_STEPS_S:
        found = _credited(visits, case.window[0] + step)
        if max((w for _, w in found), default=0.0) > max((w for _, w in best), default=0.0):
            best = found
    return _as_clues(best, frozenset(case.candidates))


def _credited(visits: Sequence[Visit], onset: float) -> list[tuple[Change, float]]:
    """Each change at `onset`, with its weight times the share of traces it was first in."""
    changes = {(c.kind, c.bag): c for c in _changes(visits, onset)}
    by_trace: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        if visit.start >= onset and (visit.kind, visit.events) in changes:
            by_trace[visit.trace_id].append(visit)
    first: Counter[tuple[Kind, Bag]] = Counter()
    every: Counter[tuple[Kind, Bag]] = Counter()
    for changed in by_trace.values():
        every.update((v.kind, v.events) for v in changed)
        earliest = min(changed, key=lambda v: v.end)
        first[earliest.kind, earliest.events] += 1
    return [(c, c.weight * min(1.0, first[key] / every[key])) for key, c in changes.items()]


def _changes(visits: Sequence[Visit], onset: float) -> Iterable[Change]:
    before: defaultdict[Kind, Counter[Bag]] = defaultdict(Counter)
    during: defaultdict[Kind, Counter[Bag]] = defaultdict(Counter)
    for visit in visits:
        (during if visit.start >= onset else before)[visit.kind][visit.events] += 1
    for kind, bags in during.items():
        total = before[kind].total()
        for bag in bags:
            if before[kind][bag] <= _RARE * total:
                change = _change(kind, bag, before[kind], bags)
                if change is not None and change.weight > _SURE:
                    yield change


def _change(
    kind: Kind, bag: Bag, before: Mapping[Bag, int], during: Mapping[Bag, int]
) -> Change | None:
    """The difference of `bag` to the nearest usual set; None if there is none, or it is better."""
    known = Counter(before).most_common(_USUAL_KEPT)
    usual = min(
        (b for b, n in known if n > before.get(bag, 0) and b != bag),
        key=lambda b: (len(b ^ bag), -before[b]),
        default=None,
    )
    if usual is None or _is_recovery(usual, bag):
        return None
    was = (before[usual], before.get(bag, 0))
    now = (during.get(usual, 0), during[bag])
    share_was, share_now = was[1] / sum(was), now[1] / sum(now)
    if share_now <= share_was:
        return None
    switched = share_now * (1 - share_was)
    return Change(kind, bag, usual, was, now, g_test(was, now) * switched**2)


def _is_recovery(usual: Bag, bag: Bag) -> bool:
    """Whether `bag` is the better of the two: errors went, or a flow is whole again."""
    if has_error(bag - usual):
        return False
    return has_error(usual - bag) or not usual - bag


def has_error(events: Iterable[Event]) -> bool:
    """Whether one of them is a log line of level ERROR or an operation named after an error."""
    return any(
        event[1] == "ERROR" if event[0] == "log" else _ERROR_WORD.search(event[-1]) is not None
        for event in events
    )


def g_test(before: tuple[int, int], during: tuple[int, int]) -> float:
    """The G statistic of a 2x2 table (likelihood ratio, 1 degree of freedom); 0 if one row is."""
    rows = (sum(before), sum(during))
    columns = (before[0] + during[0], before[1] + during[1])
    total = sum(rows)
    cells = ((before[0], 0, 0), (before[1], 0, 1), (during[0], 1, 0), (during[1], 1, 1))
    return 2 * sum(n * math.log(n * total / (rows[r] * columns[c])) for n, r, c in cells if n)


def _as_clues(credited: Iterable[tuple[Change, float]], candidates: frozenset[str]) -> list[Clue]:
    best: dict[tuple[str, str], tuple[float, Change]] = {}
    for change, weight in credited:
        for service, feature in _signatures(change):
            known = best.get((service, feature))
            if weight > 0 and service in candidates and (known is None or weight > known[0]):
                best[service, feature] = (weight, change)
    return [_clue(service, feature, *found) for (service, feature), found in best.items()]


def _signatures(change: Change) -> Iterable[tuple[str, str]]:
    service = change.kind[0]
    yield service, "changed_events"
    if change.stopped:
        yield service, "stopped_event"
    if has_error(change.new):
        yield service, "new_error"
    elif change.new:
        yield service, "new_event"
    else:
        yield service, "only_stopped"


def _clue(service: str, feature: str, weight: float, change: Change) -> Clue:
    return Clue(
        component=service,
        feature=feature,
        value=weight / (weight + _HALF),
        before=change.before[1] / sum(change.before),
        during=change.during[1] / sum(change.during),
        detail=f"{change.kind[1]}: {_told(change)}",
    )


def _told(change: Change) -> str:
    parts = []
    if change.stopped:
        parts.append(f"no longer {_names(change.stopped)}")
    if change.new:
        parts.append(f"now {_names(change.new)}")
    return "; ".join(parts)


def _names(events: Bag, most: int = 3) -> str:
    """Logs first: they name the line of code."""
    ordered = sorted(events, key=lambda e: (e[0] != "log", e))
    rest = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(" ".join(event[1:]) for event in ordered[:most]) + rest
