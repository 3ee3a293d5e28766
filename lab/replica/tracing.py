"""Spans and W3C trace context."""

import json
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random

from lab.replica.outbox import SPAN, Outbox


@dataclass(slots=True)
class Span:
    """One timed piece of work; `error` is empty when it went well."""

    trace_id: str
    span_id: str
    parent_id: str
    is_sampled: bool
    operation: str = ""
    kind: str = "server"
    peer: str = ""
    status: int = 0
    error: str = ""
    started_ns: int = field(default_factory=time.time_ns)
    clock: float = field(default_factory=time.perf_counter)

    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


CURRENT: ContextVar[Span | None] = ContextVar("span", default=None)


class Tracer:
    """Makes spans and hands the sampled ones to the outbox. The root of a trace decides."""

    def __init__(self, outbox: Outbox, *, rng: Random, ratio: float) -> None:
        self._outbox = outbox
        self._rng = rng
        self._ratio = ratio

    def server(self, traceparent: str | None, operation: str) -> Span:
        """Continue the caller's trace, or begin one if there is no valid `traceparent`."""
        parts = (traceparent or "").split("-")
        if len(parts) == 4 and len(parts[1]) == 32:
            return Span(parts[1], self._id(64), parts[2], parts[3] == "01", operation)
        return Span(self._id(128), self._id(64), "", self._rng.random() < self._ratio, operation)

    def client(self, peer: str, operation: str) -> Span:
        parent = CURRENT.get()
        if parent is None:
            trace_id, parent_id, is_sampled = self._id(128), "", False
        else:
            trace_id, parent_id = parent.trace_id, parent.span_id
            is_sampled = parent.is_sampled
        return Span(trace_id, self._id(64), parent_id, is_sampled, operation, "client", peer)

    def finish(self, span: Span) -> float:
        """Close the span; returns its duration in seconds."""
        duration_s = time.perf_counter() - span.clock
        if span.is_sampled:
            row = [
                span.trace_id, span.span_id, span.parent_id, span.operation, span.kind,
                span.started_ns // 1000, int(duration_s * 1e6), span.status, span.error, span.peer,
            ]  # fmt: skip
            self._outbox.put(SPAN, json.dumps(row))
        return duration_s

    def _id(self, bits: int) -> str:
        return f"{self._rng.getrandbits(bits) or 1:0{bits // 4}x}"
