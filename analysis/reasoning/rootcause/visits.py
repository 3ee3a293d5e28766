"""Spans and their logs as visits: one request's stay in one service.

A visit is the span by which a request enters a service and every span below it in that same
service. What happened in it (inner operations, calls to other services, log sites) is a set: order
is not kept, because spans and logs of parallel work interleave.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analysis.reasoning.rootcause.log_sites import level_of, site_of, subject_finder
from analysis.types import Case, CaseLog, CaseSpan

# ("span", operation), ("call", service, operation) or ("log", level, site, whom an error is about)
Event = tuple[str, ...]
Bag = frozenset[Event]
QUICK: Event = ("answer", "too soon")  # set by quick.py
Kind = tuple[str, str]  # (service, operation by which it was entered)
_Id = tuple[str, str]


@dataclass(eq=False)
class Visit:
    """One stay of a request in a service. Times in epoch seconds, durations in seconds."""

    kind: Kind
    trace_id: str
    start: float
    duration_s: float
    own_s: float = 0.0  # without the time other services worked for it
    gap_s: float | None = None  # caller's client span minus this visit; None without such a span
    caller: "Visit | None" = None
    calls: "list[Visit]" = field(default_factory=list)
    events: frozenset[Event] = frozenset()

    @property
    def end(self) -> float:
        return self.start + self.duration_s


@dataclass(frozen=True)
class _Index:
    spans: Mapping[_Id, CaseSpan]
    children: Mapping[_Id, Sequence[CaseSpan]]
    logs: Mapping[_Id, Sequence[CaseLog]]
    subject: Callable[[str, str], str]


def visits_of(case: Case) -> list[Visit]:
    """Every visit in the spans of `case`, by start. Spans whose parent is missing enter anew.

    Logs count only where there are some on both sides of the incident's start: what has just
    begun to be recorded has not just begun to happen.
    """
    index = _index(case)
    entered: dict[_Id, Visit] = {}
    for span in sorted(case.spans, key=lambda s: s.start):
        parent = index.spans.get((span.trace_id, span.parent_id))
        if parent is None or parent.service != span.service:
            entered[span.trace_id, span.span_id] = Visit(
                (span.service, span.operation), span.trace_id, span.start, span.duration_s
            )
    for key, visit in entered.items():
        _fill(visit, key, index, entered)
    _forget_rare_sites(list(entered.values()))
    return list(entered.values())


def _forget_rare_sites(visits: Sequence[Visit]) -> None:
    """Drop log sites that a service reached once: free text, which would make every set unlike."""
    reached = Counter(
        (visit.kind[0], event) for visit in visits for event in visit.events if event[0] == "log"
    )
    once = {site for site, count in reached.items() if count == 1}
    for visit in visits:
        if once and any((visit.kind[0], event) in once for event in visit.events):
            visit.events = frozenset(e for e in visit.events if (visit.kind[0], e) not in once)


def _index(case: Case) -> _Index:
    children: defaultdict[_Id, list[CaseSpan]] = defaultdict(list)
    logs: defaultdict[_Id, list[CaseLog]] = defaultdict(list)
    for span in case.spans:
        children[span.trace_id, span.parent_id].append(span)
    for log in _comparable(case):
        logs[log.trace_id, log.span_id].append(log)
    spans = {(s.trace_id, s.span_id): s for s in case.spans}
    return _Index(spans, children, logs, subject_finder(case.candidates))


def _comparable(case: Case) -> list[CaseLog]:
    inside = [log for log in case.logs if log.span_id]
    onset = case.window[0] if case.window else 0.0
    return inside if len({log.at >= onset for log in inside}) > 1 else []


def _fill(visit: Visit, key: _Id, index: _Index, entered: Mapping[_Id, Visit]) -> None:
    """Walk the spans of one visit: gather its events, link the visits it caused, time them."""
    events: set[Event] = set()
    away: list[tuple[float, float]] = []
    walk = [index.spans[key]]
    seen = {key}
    while walk:
        span = walk.pop()
        events.update(_log_events(span, index))
        below = index.children.get((span.trace_id, span.span_id), ())
        calls = [child for child in below if child.service != span.service]
        is_client = len(below) == len(calls) == 1 and (span.trace_id, span.span_id) != key
        if (span.trace_id, span.span_id) != key and not is_client:
            events.add(("span", span.operation))
        for child in calls:
            called = entered[child.trace_id, child.span_id]
            if called.caller is None and called is not visit:
                _link(visit, called, span if is_client else None, away)
                events.add(("call", *called.kind))
        for child in below:
            child_key = (child.trace_id, child.span_id)
            if child.service == span.service and child_key not in seen:
                seen.add(child_key)
                walk.append(child)
    visit.events = frozenset(events)
    visit.own_s = visit.duration_s - covered(away, visit.start, visit.end)


def _link(
    visit: Visit, called: Visit, client: CaseSpan | None, away: list[tuple[float, float]]
) -> None:
    """Note that `visit` waited for `called`; through `client`, the span that only does the call."""
    called.caller = visit
    visit.calls.append(called)
    if client is None:
        away.append((called.start, called.end))
        return
    called.gap_s = client.duration_s - called.duration_s
    away.append((client.start, client.start + client.duration_s))


def _log_events(span: CaseSpan, index: _Index) -> Iterator[Event]:
    for log in index.logs.get((span.trace_id, span.span_id), ()):
        if log.service == span.service:
            level = level_of(log)
            subject = index.subject(log.message, log.service) if level == "ERROR" else ""
            yield "log", level, site_of(log.message), subject


def covered(intervals: Iterable[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of [start, end] inside at least one interval: parallel calls count once."""
    total, reached = 0.0, start
    for begin, stop in sorted(intervals):
        seen_from, seen_to = max(begin, reached), min(stop, end)
        if seen_to > seen_from:
            total += seen_to - seen_from
            reached = seen_to
    return min(total, max(end - start, 0.0))  # a sum of parts may be rounded beyond the whole
