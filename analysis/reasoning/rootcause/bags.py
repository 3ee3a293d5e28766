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
- `only_stopped`: the same, of changes with nothing new: a flow that was aborted (exception);
- `skipped_part`: the same, where spans show that most of the flow goes on (a wrong return);
- `swapped_event`: the same, of changes with something new in the place of what stopped: a flow led
  elsewhere (a wrong return);
- `vanished_request`: the same, of requests from outside that used to be composed here;
- `quick_answer`: the same, of visits that answer too soon to have done their work (quick.py);
- `complained_of`: the same, of changes in another service whose new errors name this one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from analysis.reasoning.rootcause.changes import Change, changes, has_error, vanished
from analysis.reasoning.rootcause.quick import marked_quick
from analysis.reasoning.rootcause.visits import QUICK, Bag, Kind, Visit, visits_of
from analysis.types import Case, Clue

# Onsets tried, in seconds after the window opens, and how much a change counts there: clocks and
# retries make an effect seen a little early, but that is less likely.
_ONSETS_S = (
    (-45, 0.7),
    (-30, 0.8),
    (-15, 0.9),
    (0, 1.0),
    (15, 1.0),
    (30, 1.0),
    (45, 1.0),
    (60, 1.0),
)
_HALF = 8.0  # the G that is half convincing
_MOST = 0.7  # of a flow's events: when that many stop, it was aborted
_SURE = 3.0  # G below this (p about .08) is a change nobody should be blamed for


def clues(case: Case) -> list[Clue]:
    """What changed in the flow of requests, per service; empty without spans on both sides."""
    return clues_of(visits_of(case), case)


def clues_of(visits: Sequence[Visit], case: Case) -> list[Clue]:
    """As `clues`, of visits already built."""
    if case.window is None:
        return []
    visits = marked_quick([v for v in visits if v.start < case.window[1]], case.window[0])
    opened = case.started_at if case.started_at is not None else case.window[0]
    began = case.window[0]
    best: list[tuple[Change, float]] = []
    for after_s, discount in _ONSETS_S:
        at_onset = _credited(visits, began, began + after_s, opened)
        found = [(change, discount * weight) for change, weight in at_onset]
        if max((w for _, w in found), default=0.0) > max((w for _, w in best), default=0.0):
            best = found
    return _as_clues(best, frozenset(case.candidates))


def _credited(
    visits: Sequence[Visit], began: float, onset: float, opened: float
) -> list[tuple[Change, float]]:
    """Each change at `onset`, with its weight times the share of traces it was first in."""
    found = {(c.kind, c.bag): c for c in changes(visits, onset, opened) if c.weight > _SURE}
    by_trace: defaultdict[str, list[Visit]] = defaultdict(list)
    for visit in visits:
        if visit.start >= onset and (visit.kind, visit.events) in found:
            by_trace[visit.trace_id].append(visit)
    first: Counter[tuple[Kind, Bag]] = Counter()
    every: Counter[tuple[Kind, Bag]] = Counter()
    for changed in by_trace.values():
        every.update((v.kind, v.events) for v in changed)
        earliest = min(changed, key=lambda v: v.end)
        first[earliest.kind, earliest.events] += 1
    credited = [(c, c.weight * first[key] / every[key]) for key, c in found.items()]
    replaced = {(c.kind, c.usual) for c in found.values()}
    gone = [(c, c.weight) for c in vanished(visits, began, onset, replaced) if c.weight > _SURE]
    return credited + gone


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
    yield from ((subject, "complained_of") for subject in change.subjects)
    yield service, "changed_events"
    if change.is_gone:
        yield service, "vanished_request"
        return
    if change.stopped:
        yield service, "stopped_event"
        if change.new:
            yield service, "swapped_event"
    if change.new == {QUICK}:
        yield service, "quick_answer"
    elif has_error(change.new):
        yield service, "new_error"
    elif change.new:
        yield service, "new_event"
    else:
        yield service, "only_stopped"
        if _is_skipped_part(change):
            yield service, "skipped_part"


def _is_skipped_part(change: Change) -> bool:
    """Whether spans show that the better part of a flow still happens (logs show less of it)."""
    is_traced = not any(event[0] == "log" for event in change.usual)
    return is_traced and len(change.stopped) < _MOST * len(change.usual)


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
    return ", ".join(" ".join(event[1:3]) for event in ordered[:most]) + rest
