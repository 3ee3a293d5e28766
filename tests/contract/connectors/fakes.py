"""Prometheus, Loki, Jaeger and a change feed over real HTTP, holding what a test puts in.

Shapes follow the published APIs and, for Loki, recorded answers of a real server. The metric side
knows plain selectors only; what a whole expression answers is put in under its text.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from analysis.types import Change, LogLine, Span

Value = Callable[[float], float]
_SELECTOR = re.compile(r'^(?P<name>[a-z_:]+)(?:\{service="(?P<service>[^"]*)"\})?$')
_LOG_QUERY = re.compile(r'^\{(?P<label>\w+)(?P<op>=~?)"(?P<value>[^"]*)"\}$')


def _json(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data), status=status, content_type="application/json")


@dataclass
class FakeMetrics:
    """`series[query or metric]` holds (labels, value at a time); NaN is sent, None is left out."""

    series: dict[str, list[tuple[Mapping[str, str], Value]]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)

    def put(self, query: str, value: Value, **labels: str) -> None:
        self.series.setdefault(query, []).append((labels, value))

    def query_range(self, request: Request) -> Response:
        query = request.form["query"]
        self.queries.append(query)
        start, end = float(request.form["start"]), float(request.form["end"])
        step = float(request.form["step"])
        selected = self._select(query)
        if selected is None:
            return _parse_error()
        times = [start + i * step for i in range(int((end - start) / step) + 1)]
        result = [
            {"metric": dict(labels), "values": [[t, _text(value(t))] for t in times]}
            for labels, value in selected
        ]
        return _json({"status": "success", "data": {"resultType": "matrix", "result": result}})

    def query(self, request: Request) -> Response:
        query, at = request.form["query"], float(request.form["time"])
        self.queries.append(query)
        selected = self._select(query)
        if selected is None:
            return _parse_error()
        result = [
            {"metric": dict(labels), "value": [at, _text(value(at))]} for labels, value in selected
        ]
        return _json({"status": "success", "data": {"resultType": "vector", "result": result}})

    def _select(self, query: str) -> list[tuple[Mapping[str, str], Value]] | None:
        if query in self.series:
            return self.series[query]
        match = _SELECTOR.match(query)
        if match is None:
            return None
        found = self.series.get(match["name"], [])
        return [s for s in found if match["service"] in {None, s[0].get("service")}]


def _parse_error() -> Response:
    error = '1:9: parse error: unexpected "(" in label matching'
    return _json({"status": "error", "errorType": "bad_data", "error": error}, 400)


def _text(value: float) -> str:
    return "+Inf" if value == math.inf else repr(value) if value == value else "NaN"  # noqa: PLR0124


@dataclass
class FakeLogs:
    lines: list[LogLine] = field(default_factory=list)
    as_json: bool = False

    def labels(self, _: Request) -> Response:
        return _json({"status": "success", "data": ["level", "service", "service_name"]})

    def query_range(self, request: Request) -> Response:
        match = _LOG_QUERY.match(request.args["query"])
        if match is None:
            return Response("parse error at line 1, col 10: syntax error", status=400)
        start, end = int(request.args["start"]), int(request.args["end"])
        found = [
            line
            for line in self.lines
            if start <= int(line.at * 1e9) < end
            and (match["op"] == "=~" or line.service == match["value"])
        ]
        newest = sorted(found, key=lambda line: -line.at)[: int(request.args["limit"])]
        return _json(
            {
                "status": "success",
                "data": {"resultType": "streams", "result": self._streams(newest), "stats": {}},
            }
        )

    def _streams(self, lines: Sequence[LogLine]) -> list[dict[str, Any]]:
        def stream(line: LogLine) -> tuple[str, str, str]:
            return line.service, line.level, "" if self.as_json else line.trace_id

        streams = []
        for (service, level, trace), members in groupby(sorted(lines, key=stream), key=stream):
            labels = {"service": service, "service_name": service, "level": level}
            if trace:
                labels["trace_id"] = trace
            values = [[str(int(m.at * 1e9)), self._text(m)] for m in members]
            streams.append({"stream": labels, "values": values})
        return streams

    def _text(self, line: LogLine) -> str:
        if not self.as_json:
            return line.message
        return json.dumps(
            {
                "level": line.level,
                "message": line.message,
                "trace_id": line.trace_id,
                "instance": line.instance,
            }
        )


@dataclass
class FakeTraces:
    spans: list[Span] = field(default_factory=list)

    def services(self, _: Request) -> Response:
        names = sorted({span.service for span in self.spans})
        return _json({"data": names or None, "total": len(names), "errors": None})

    def search(self, request: Request) -> Response:
        service = request.args["service"]
        start, end = int(request.args["start"]), int(request.args["end"])
        wanted = {
            span.trace_id
            for span in self.spans
            if span.service == service and start <= span.start * 1e6 <= end
        }
        kept = sorted(wanted)[: int(request.args["limit"])]
        return _json({"data": [self._trace(t) for t in kept], "errors": None})

    def _trace(self, trace_id: str) -> dict[str, Any]:
        spans = [span for span in self.spans if span.trace_id == trace_id]
        names = sorted({span.service for span in spans})
        return {
            "traceID": trace_id,
            "spans": [self._span(span, names) for span in spans],
            "processes": {f"p{i}": {"serviceName": name} for i, name in enumerate(names)},
            "warnings": None,
        }

    def _span(self, span: Span, names: Sequence[str]) -> dict[str, Any]:
        tags: list[dict[str, Any]] = [{"key": "span.kind", "type": "string", "value": span.kind}]
        if span.is_error:
            tags.append({"key": "error", "type": "bool", "value": True})
        if span.peer:
            tags.append({"key": "peer.service", "type": "string", "value": span.peer})
        parent = {"refType": "CHILD_OF", "traceID": span.trace_id, "spanID": span.parent_id}
        return {
            "traceID": span.trace_id,
            "spanID": span.span_id,
            "operationName": span.operation,
            "references": [parent] if span.parent_id else [],
            "startTime": int(span.start * 1e6),
            "duration": int(span.duration_s * 1e6),
            "tags": tags,
            "processID": f"p{names.index(span.service)}",
        }


@dataclass
class FakeChanges:
    changes: list[Change] = field(default_factory=list)

    def list_changes(self, request: Request) -> Response:
        since, until = (
            datetime.fromisoformat(request.args[name]).timestamp() for name in ("since", "until")
        )
        found = [
            {
                "id": c.id,
                "at": datetime.fromtimestamp(c.at).astimezone().isoformat(),
                "kind": c.kind,
                "service": c.service,
                "title": c.title,
                "actor": c.actor,
                "from": c.before,
                "to": c.after,
                "revision": c.revision,
            }
            for c in self.changes
            if since <= c.at <= until
        ]
        return _json({"changes": found})


@dataclass
class FakeBackends:
    """All four under one address, as the lab has them."""

    server: HTTPServer
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    logs: FakeLogs = field(default_factory=FakeLogs)
    traces: FakeTraces = field(default_factory=FakeTraces)
    changes: FakeChanges = field(default_factory=FakeChanges)

    def __post_init__(self) -> None:
        for path, handler in self._handlers():
            self.server.expect_request(path).respond_with_handler(handler)

    def _handlers(self) -> Iterator[tuple[str, Callable[[Request], Response]]]:
        yield "/api/v1/query", self.metrics.query
        yield "/api/v1/query_range", self.metrics.query_range
        yield "/loki/api/v1/labels", self.logs.labels
        yield "/loki/api/v1/query_range", self.logs.query_range
        yield "/api/services", self.traces.services
        yield "/api/traces", self.traces.search
        yield "/changes", self.changes.list_changes

    @property
    def url(self) -> str:
        return self.server.url_for("").rstrip("/")
