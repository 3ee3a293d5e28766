"""Grafana Tempo over real HTTP: TraceQL search, tag values, a trace by id as OTLP JSON."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from analysis.types import Span

_QUERY = re.compile(r'^\{resource\.service\.name="((?:[^"\\]|\\.)*)"\}$')
_KINDS = {"server": "SPAN_KIND_SERVER", "client": "SPAN_KIND_CLIENT"}


def as_json(data: Any) -> Response:
    return Response(json.dumps(data), content_type="application/json")


def base64_id(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def otlp(spans: Sequence[Span]) -> dict[str, Any]:
    """The trace as Tempo writes it: batches by resource, ids in base64, no field that is empty."""
    return {
        "batches": [
            {
                "resource": {"attributes": [attribute("service.name", service)]},
                "scopeSpans": [
                    {"scope": {}, "spans": [_span(s) for s in spans if s.service == service]}
                ],
            }
            for service in sorted({span.service for span in spans})
        ]
    }


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": base64_id(span.trace_id),
        "spanId": base64_id(span.span_id),
        "name": span.operation,
        "kind": _KINDS.get(span.kind, "SPAN_KIND_INTERNAL"),
        "startTimeUnixNano": str(int(span.start * 1e9)),
        "endTimeUnixNano": str(int((span.start + span.duration_s) * 1e9)),
        "status": {"message": "failed", "code": "STATUS_CODE_ERROR"} if span.is_error else {},
    }
    if span.parent_id:
        found["parentSpanId"] = base64_id(span.parent_id)
    if span.peer:
        found["attributes"] = [attribute("peer.service", span.peer)]
    return found


@dataclass
class FakeTempo:
    spans: list[Span] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)  # found by the search, gone when fetched
    queries: list[str] = field(default_factory=list)

    def names(self, _: Request) -> Response:
        names = sorted({span.service for span in self.spans})
        return as_json({"tagValues": [{"type": "string", "value": name} for name in names]})

    def search(self, request: Request) -> Response:
        self.queries.append(request.args["q"])
        match = _QUERY.match(request.args["q"])
        if match is None:
            return Response("invalid TraceQL query: parse error at line 1, col 2", status=400)
        service = json.loads(f'"{match[1]}"')
        start, end = int(request.args["start"]), int(request.args["end"])
        found = {
            s.trace_id: s for s in self.spans if s.service == service and start <= s.start < end
        }
        traces = [
            {
                # Tempo leaves leading zeros of an id out here, and here alone.
                "traceID": trace_id.lstrip("0"),
                "rootServiceName": span.service,
                "rootTraceName": span.operation,
                "startTimeUnixNano": str(int(span.start * 1e9)),
                "durationMs": int(span.duration_s * 1000),
            }
            for trace_id, span in sorted(found.items())
        ]
        answer = {"traces": traces[: int(request.args["limit"])], "metrics": {}}
        return as_json(answer if traces else {"metrics": {}})

    def trace(self, request: Request) -> Response:
        trace_id = request.path.rpartition("/")[2].zfill(32)
        spans = [span for span in self.spans if span.trace_id == trace_id]
        if not spans or trace_id in self.lost:
            return Response("trace not found", status=404)
        return as_json(otlp(spans))
