"""Spans as calls: who called whom, how long it took, what the network added, what was left out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.perception.log_templates import masked
from analysis.perception.spans import calls_below, children_of, distinct
from analysis.types import Span, Trouble

_MAX_OPERATION = 80
_MAX_NAME = 60


@dataclass(frozen=True, order=True)
class Subject:
    """What one series is of. An entry has no caller; errors and gaps have no operation."""

    kind: Trouble
    caller: str
    callee: str
    operation: str = ""


@dataclass(frozen=True)
class Seen:
    """One observation of a call: its seconds or its gap in seconds; 1 for an error, else 0."""

    subject: Subject
    at: float
    value: float
    trace_id: str


@dataclass(frozen=True)
class Request:
    """One request a service answered, and whom it called for that."""

    service: str
    operation: str
    callees: frozenset[str]
    at: float
    trace_id: str


@dataclass(frozen=True)
class Observed:
    calls: tuple[Seen, ...] = ()
    requests: tuple[Request, ...] = ()


def observed(spans: Iterable[Span], service: str, *, start: float, end: float) -> Observed:
    """What whole traces through `service` show of its own calls and requests in [start, end).

    Only spans of `service` count: traces chosen because they pass through a callee would show
    every caller as always calling it. Times in Unix seconds.
    """
    found = distinct(spans)
    children = children_of(found)
    own = [
        (key, span)
        for key, span in found.items()
        if span.service == service and start <= span.start < end
    ]
    calls: list[Seen] = []
    requests: list[Request] = []
    for key, span in own:
        if span.kind == "client":
            calls += _call(span, children.get(key, ()))
        elif span.kind == "server":
            if not span.parent_id:
                calls += _answered("", service, span.operation, span)
            below = calls_below(span, children)
            callees = {
                _callee(call, children.get(f"{call.trace_id}/{call.span_id}", ())) for call in below
            }
            requests.append(
                Request(
                    service=service[:_MAX_NAME],
                    operation=_operation(span.operation),
                    callees=frozenset(name[:_MAX_NAME] for name in callees - {"", service}),
                    at=span.start,
                    trace_id=span.trace_id,
                )
            )
    return Observed(tuple(calls), tuple(requests))


def _operation(name: str) -> str:
    return masked(name)[:_MAX_OPERATION]


def _callee(call: Span, below: Iterable[Span]) -> str:
    if call.kind != "client":
        return call.service
    return next((c.service for c in below if c.service != call.service), call.peer)


def _call(span: Span, below: Iterable[Span]) -> Iterator[Seen]:
    callee = _callee(span, below)
    if not callee or callee == span.service:
        return
    server = next((c for c in below if c.service == callee and c.kind == "server"), None)
    yield from _answered(span.service, callee, (server or span).operation, span)
    if server:
        gap_s = max(span.duration_s - server.duration_s, 0.0)
        yield _seen(
            Subject(Trouble.EDGE_GAP, span.service[:_MAX_NAME], callee[:_MAX_NAME]), span, gap_s
        )


def _answered(caller: str, callee: str, operation: str, span: Span) -> Iterator[Seen]:
    ends = caller[:_MAX_NAME], callee[:_MAX_NAME]
    yield _seen(Subject(Trouble.EDGE_ERRORS, *ends), span, float(span.is_error))
    latency = Subject(Trouble.EDGE_LATENCY, *ends, _operation(operation))
    yield _seen(latency, span, span.duration_s)


def _seen(subject: Subject, span: Span, value: float) -> Seen:
    return Seen(subject, span.start, value, span.trace_id)
