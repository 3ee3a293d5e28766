"""What calls what, how often, how slowly and with which share of errors: before and during."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from analysis.types import Edge, Span

Pair = tuple[str, str]


@dataclass
class _Calls:
    """What one side of the split holds of one pair of services."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def mean_s(self) -> float:
        return sum(self.latencies) / len(self.latencies) if self.latencies else 0.0

    def error_share(self) -> float:
        return self.errors / len(self.latencies) if self.latencies else 0.0


def compare(spans: Iterable[Span], *, split: float) -> list[Edge]:
    """One edge for each caller and callee seen, with its calls before and after `split`.

    `split` and span times in Unix seconds, durations in seconds. A client span makes the edge,
    to the service of its server child or, where nothing answered it in the trace (a database, a
    partner), to the peer it names; a server span without a client span makes it too. Latency is
    the caller's: it includes the network. Counts are those of the sample, not of the traffic.
    """
    found = distinct(spans)
    children = children_of(found)
    calls: dict[Pair, tuple[_Calls, _Calls]] = defaultdict(lambda: (_Calls(), _Calls()))
    last_seen: dict[Pair, float] = {}
    for pair, span in _calls_in(found, children):
        side = calls[pair][span.start >= split]
        side.latencies.append(span.duration_s)
        side.errors += span.is_error
        last_seen[pair] = max(last_seen.get(pair, 0.0), span.start)
    own = self_times(found.values(), split=split)
    return [
        Edge(
            src=src,
            dst=dst,
            source="traces",
            last_seen=last_seen[src, dst],
            calls_before=len(before.latencies),
            calls_during=len(during.latencies),
            error_share_before=before.error_share(),
            error_share_during=during.error_share(),
            latency_before_s=before.mean_s(),
            latency_during_s=during.mean_s(),
            self_before_s=own.get(dst, (0.0, 0.0))[0],
            self_during_s=own.get(dst, (0.0, 0.0))[1],
        )
        for (src, dst), (before, during) in sorted(calls.items())
    ]


def self_times(spans: Iterable[Span], *, split: float) -> dict[str, tuple[float, float]]:
    """Mean seconds a service spends itself in one request, before and after `split`.

    That is its server span less the time in which at least one of its client spans was open, so
    that calls made in parallel are not subtracted twice.
    """
    found = distinct(spans)
    children = children_of(found)
    own: dict[str, tuple[_Calls, _Calls]] = defaultdict(lambda: (_Calls(), _Calls()))
    for span in found.values():
        if span.kind == "server":
            waiting = covered_s(span, calls_below(span, children))
            own[span.service][span.start >= split].latencies.append(span.duration_s - waiting)
    return {
        service: (before.mean_s(), during.mean_s()) for service, (before, during) in own.items()
    }


def distinct(spans: Iterable[Span]) -> dict[str, Span]:
    """By span and trace: the same trace is often read once for each service it passes."""
    return {f"{span.trace_id}/{span.span_id}": span for span in spans}


def children_of(spans: Mapping[str, Span]) -> dict[str, list[Span]]:
    below: dict[str, list[Span]] = defaultdict(list)
    for span in spans.values():
        if span.parent_id:
            below[f"{span.trace_id}/{span.parent_id}"].append(span)
    return below


def _calls_in(
    spans: Mapping[str, Span], children: Mapping[str, Sequence[Span]]
) -> Iterable[tuple[Pair, Span]]:
    for key, span in spans.items():
        parent = spans.get(f"{span.trace_id}/{span.parent_id}")
        if span.kind == "client":
            servers = [c.service for c in children.get(key, ()) if c.service != span.service]
            callee = servers[0] if servers else span.peer
            if callee and callee != span.service:
                yield (span.service, callee), span
        elif parent and parent.kind != "client" and parent.service != span.service:
            yield (parent.service, span.service), span


def calls_below(span: Span, children: Mapping[str, Sequence[Span]]) -> list[Span]:
    """The calls out made within `span`, through any internal spans of the same service."""
    found: list[Span] = []
    waiting = [span]
    while waiting:
        for child in children.get(f"{span.trace_id}/{waiting.pop().span_id}", ()):
            if child.kind == "client" or child.service != span.service:
                found.append(child)
            else:
                waiting.append(child)
    return found


def covered_s(span: Span, calls: Sequence[Span]) -> float:
    """Seconds of `span` in which at least one of `calls` was open."""
    end = span.start + span.duration_s
    covered, reached = 0.0, span.start
    for call in sorted(calls, key=lambda c: c.start):
        begins, ends = max(call.start, reached), min(call.start + call.duration_s, end)
        covered += max(ends - begins, 0.0)
        reached = max(reached, ends)
    return min(covered, span.duration_s)  # a sum of parts may be rounded beyond the whole
