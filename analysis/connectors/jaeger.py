"""Jaeger's query service (the JSON its own web page uses): services and whole traces."""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.connectors.base import (
    Source,
    as_list,
    as_number,
    as_object,
    plain,
    refuse_too_many,
)
from analysis.connectors.spantags import has_failed, kind_of, near, peer_of
from analysis.types import Span

_MAX_SPANS = 50_000


class Jaeger(Source):
    title = "Jaeger"

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        return f"Jaeger answers: {len(self.services())} services"

    def services(self) -> list[str]:
        with self._reading() as http:
            body = as_object(http.get_json("/api/services"), "the answer")
        # Jaeger answers null while it holds nothing.
        return sorted(str(name) for name in as_list(body.get("data") or [], "data"))

    def spans(self, service: str, *, start: float, end: float, limit: int = 200) -> list[Span]:
        """Every span of up to `limit` traces that pass through `service` in [start, end]."""
        params: dict[str, str | int] = {
            "service": service,
            "start": int(start * 1e6),
            "end": int(end * 1e6),
            "limit": limit,
            "lookback": "custom",
        }
        with self._reading() as http:
            body = as_object(http.get_json("/api/traces", params=params), "the answer")
        traces = as_list(body.get("data") or [], "data")
        found = [span for trace in traces for span in _spans_of(as_object(trace, "a trace"))]
        refuse_too_many("spans", len(found), _MAX_SPANS, "fewer traces or a shorter range")
        return list(near(found, start=start, end=end))


def _spans_of(trace: Mapping[str, Any]) -> Iterator[Span]:
    processes = as_object(trace.get("processes"), "processes")
    for item in as_list(trace.get("spans"), "spans"):
        raw = as_object(item, "a span")
        process = as_object(processes.get(str(raw.get("processID"))), "a span's process")
        tags = _tags(raw)
        yield Span(
            trace_id=plain(raw.get("traceID"), 64),
            span_id=plain(raw.get("spanID"), 64),
            parent_id=_parent(raw),
            service=plain(process.get("serviceName")),
            operation=plain(raw.get("operationName")),
            kind=kind_of(str(tags.get("span.kind", ""))),
            start=as_number(raw.get("startTime"), "startTime") / 1e6,
            duration_s=max(as_number(raw.get("duration"), "duration") / 1e6, 0.0),
            is_error=has_failed(tags),
            peer=peer_of(tags),
        )


def _tags(raw: Mapping[str, Any]) -> dict[str, Any]:
    found = (as_object(tag, "a tag") for tag in as_list(raw.get("tags") or [], "tags"))
    return {str(tag.get("key")): tag.get("value") for tag in found}


def _parent(raw: Mapping[str, Any]) -> str:
    for item in as_list(raw.get("references") or [], "references"):
        reference = as_object(item, "a reference")
        if reference.get("refType") == "CHILD_OF":
            return plain(reference.get("spanID"), 64)
    return ""
