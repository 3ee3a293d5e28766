"""The HTTP API of Loki over the lab's log lines."""

import time
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from aiohttp import web

from lab.jsontypes import JSON
from lab.loki.logql import LogQuery, parse
from lab.loki.store import LABELS, Line, LogStore
from lab.stamps import unix_ns

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 5000
HOUR_NS: Final = 3_600_000_000_000


class LokiApi:
    def __init__(self, store: LogStore) -> None:
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/loki/api/v1/query_range", self._query_range),
            web.get("/loki/api/v1/labels", self._labels),
            web.get("/loki/api/v1/label/{name}/values", self._label_values),
            web.get("/ready", self._ready),
        ]

    async def _query_range(self, request: web.Request) -> web.Response:
        began = time.perf_counter()
        try:
            query = parse(request.query.get("query", ""))
            start_ns, end_ns = _bounds(request)
            limit = _limit(request)
            is_forward = _is_forward(request)
            lines = self._select(query, start_ns, end_ns, limit, is_forward=is_forward)
        except ValueError as exc:
            return web.Response(status=400, text=f"{exc}")
        data = {
            "resultType": "streams",
            "result": _streams(lines),
            "stats": _stats(lines, time.perf_counter() - began),
        }
        return web.json_response({"status": "success", "data": data})

    def _select(
        self, query: LogQuery, start_ns: int, end_ns: int, limit: int, *, is_forward: bool
    ) -> list[Line]:
        found = (line for line in self._store.between(start_ns, end_ns) if query.selects(line))
        chosen = list(islice(found, limit)) if is_forward else list(deque(found, maxlen=limit))
        # Replicas hand their lines over in batches, so arrival is only nearly the order of time.
        return sorted(chosen, key=lambda line: line.at_ns, reverse=not is_forward)

    async def _labels(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": list(LABELS)})

    async def _label_values(self, request: web.Request) -> web.Response:
        values = self._store.values_of(request.match_info["name"])
        return web.json_response({"status": "success", "data": values})

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="ready\n")


def _bounds(request: web.Request) -> tuple[int, int]:
    now_ns = time.time_ns()
    end_ns = unix_ns(request.query["end"]) if request.query.get("end") else now_ns
    start = request.query.get("start")
    start_ns = unix_ns(start) if start else end_ns - HOUR_NS
    if end_ns < start_ns:
        raise ValueError("end timestamp must not be before or equal to start time")
    return start_ns, end_ns


def _limit(request: web.Request) -> int:
    limit = int(request.query.get("limit") or DEFAULT_LIMIT)
    if limit <= 0:
        raise ValueError("limit must be a positive value")
    if limit > MAX_LIMIT:
        raise ValueError(
            f"max entries limit per query exceeded, limit > max_entries_limit_per_query"
            f" ({limit} > {MAX_LIMIT})"
        )
    return limit


def _is_forward(request: web.Request) -> bool:
    direction = (request.query.get("direction") or "backward").lower()
    if direction not in {"forward", "backward"}:
        raise ValueError("direction can only be forward or backward")
    return direction == "forward"


def _streams(lines: Iterable[Line]) -> list[JSON]:
    streams: dict[tuple[str, str], JSON] = {}
    for line in lines:
        stream = streams.setdefault(
            (line.instance, line.level),
            {"stream": {"detected_level": line.level, **line.labels()}, "values": []},
        )
        stream["values"].append([str(line.at_ns), line.text])
    return list(streams.values())


def _stats(lines: list[Line], took_s: float) -> JSON:
    size = sum(len(line.text) for line in lines)
    return {
        "summary": {
            "bytesProcessedPerSecond": int(size / took_s) if took_s else 0,
            "linesProcessedPerSecond": int(len(lines) / took_s) if took_s else 0,
            "totalBytesProcessed": size,
            "totalLinesProcessed": len(lines),
            "execTime": took_s,
            "totalEntriesReturned": len(lines),
        }
    }
