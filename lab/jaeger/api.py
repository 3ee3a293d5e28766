"""The HTTP JSON API of Jaeger's query service over the lab's spans."""

import time
from collections import Counter
from itertools import islice
from typing import Final

from aiohttp import web

from lab.jaeger.search import BadSearch, read
from lab.jaeger.store import Span, TagValue, TraceStore
from lab.jsontypes import JSON

DAY_MS: Final = 86_400_000


class JaegerApi:
    def __init__(self, store: TraceStore) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/services", self._services),
            web.get("/api/services/{service}/operations", self._operations),
            web.get("/api/traces", self._search),
            web.get("/api/traces/{trace_id}", self._trace),
            web.get("/api/dependencies", self._dependencies),
        ]

    async def _services(self, _request: web.Request) -> web.Response:
        names = {span.service for _, spans in self._all() for span in spans}
        return _answer(sorted(names), total=len(names))

    async def _operations(self, request: web.Request) -> web.Response:
        wanted = request.match_info["service"]
        names = {s.operation for _, spans in self._all() for s in spans if s.service == wanted}
        return _answer(sorted(names), total=len(names))

    async def _search(self, request: web.Request) -> web.Response:
        try:
            search = read(request.query, now_us=time.time() * 1e6)
        except BadSearch as exc:
            return _failure(400, str(exc))
        inside = self._store.newest_first(search.start_us, search.end_us)
        found = islice(((key, spans) for key, spans in inside if search.finds(spans)), search.limit)
        return _answer([trace_json(key, spans) for key, spans in found])

    async def _trace(self, request: web.Request) -> web.Response:
        trace_id = request.match_info["trace_id"]
        spans = self._store.trace(trace_id)
        if spans is None:
            return _failure(404, "trace not found")
        return _answer([trace_json(trace_id, spans)])

    async def _dependencies(self, request: web.Request) -> web.Response:
        try:
            end_ms = float(request.query.get("endTs") or time.time() * 1000)
            lookback_ms = float(request.query.get("lookback") or DAY_MS)
        except ValueError as exc:
            return _failure(400, f"unable to parse param: {exc}")
        calls: Counter[tuple[str, str]] = Counter()
        for _, spans in self._store.newest_first((end_ms - lookback_ms) * 1000, end_ms * 1000):
            calls.update(_links(spans))
        rows = [
            {"parent": parent, "child": child, "callCount": count}
            for (parent, child), count in sorted(calls.items())
        ]
        return _answer(rows)

    def _all(self) -> list[tuple[str, list[Span]]]:
        return list(self._store.newest_first(0, float("inf")))


def trace_json(trace_id: str, spans: list[Span]) -> JSON:
    """One trace, shaped as Jaeger's own pages receive it."""
    processes: dict[str, str] = {}
    for span in spans:
        processes.setdefault(span.instance, f"p{len(processes) + 1}")
    services = {span.instance: span.service for span in spans}
    return {
        "traceID": trace_id,
        "spans": [_span_json(trace_id, span, processes[span.instance]) for span in spans],
        "processes": {
            key: {"serviceName": services[name], "tags": [_tag("service.instance.id", name)]}
            for name, key in processes.items()
        },
        "warnings": None,
    }


def _span_json(trace_id: str, span: Span, process: str) -> JSON:
    references = [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": span.parent_id}]
    return {
        "traceID": trace_id,
        "spanID": span.span_id,
        "flags": 1,
        "operationName": span.operation,
        "references": references if span.parent_id else [],
        "startTime": span.started_us,
        "duration": span.duration_us,
        "tags": [_tag(key, value) for key, value in span.tags.items()],
        "logs": [],
        "processID": process,
        "warnings": None,
    }


def _tag(key: str, value: TagValue) -> JSON:
    kinds = {bool: "bool", int: "int64", str: "string"}
    return {"key": key, "type": kinds[type(value)], "value": value}


def _links(spans: list[Span]) -> Counter[tuple[str, str]]:
    by_id = {span.span_id: span.service for span in spans}
    links: Counter[tuple[str, str]] = Counter()
    for span in spans:
        parent = by_id.get(span.parent_id)
        if parent is not None and parent != span.service:
            links[parent, span.service] += 1
    return links


def _answer(data: list[str] | list[JSON], *, total: int = 0) -> web.Response:
    return web.json_response(
        {"data": data, "total": total, "limit": 0, "offset": 0, "errors": None}
    )


def _failure(code: int, message: str) -> web.Response:
    body = {
        "data": None, "total": 0, "limit": 0, "offset": 0,
        "errors": [{"code": code, "msg": message}],
    }  # fmt: skip
    return web.json_response(body, status=code)
