"""Traces in bounded memory."""

import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

KEPT_SPANS: Final = 250_000
TagValue = str | int | bool


@dataclass(frozen=True, slots=True)
class Span:
    span_id: str
    parent_id: str
    service: str
    instance: str
    operation: str
    kind: str
    started_us: int
    duration_us: int
    status: int
    error: str
    peer: str

    @property
    def tags(self) -> dict[str, TagValue]:
        tags: dict[str, TagValue] = {"span.kind": self.kind}
        if self.status:
            tags["http.status_code"] = self.status
        if self.peer:
            tags["peer.service"] = self.peer
        if self.error:
            tags["error"] = True
            tags["error.message"] = self.error
        return tags


class TraceStore:
    """Traces in the order in which their first span arrived."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, list[Span]] = OrderedDict()
        self._count = 0

    def add(self, service: str, instance: str, row: list[Any]) -> None:
        """Keep a span as replicas write it: see `lab.replica.tracing.Tracer.finish`."""
        trace_id, span_id, parent_id, operation, kind, started, duration, status, error, peer = row
        span = Span(
            span_id, parent_id, service, instance, sys.intern(operation), sys.intern(kind),
            started, duration, status, error, sys.intern(peer),
        )  # fmt: skip
        self._traces.setdefault(trace_id, []).append(span)
        self._count += 1
        while self._count > KEPT_SPANS:
            self._drop_oldest()

    def trim(self, retention_s: float) -> None:
        limit_us = (time.time() - retention_s) * 1e6
        while self._traces and next(iter(self._traces.values()))[0].started_us < limit_us:
            self._drop_oldest()

    def trace(self, trace_id: str) -> list[Span] | None:
        return self._traces.get(trace_id.rjust(32, "0"))

    def newest_first(self, start_us: float, end_us: float) -> Iterator[tuple[str, list[Span]]]:
        """Traces with a span that began within the bounds."""
        for trace_id in reversed(self._traces):
            spans = self._traces[trace_id]
            if any(start_us <= span.started_us <= end_us for span in spans):
                yield trace_id, spans

    def oldest_first(self, start_us: float) -> Iterator[tuple[str, list[Span]]]:
        """Traces of which no span began before `start_us`."""
        for trace_id, spans in self._traces.items():
            if all(span.started_us >= start_us for span in spans):
                yield trace_id, spans

    def _drop_oldest(self) -> None:
        _, spans = self._traces.popitem(last=False)
        self._count -= len(spans)
