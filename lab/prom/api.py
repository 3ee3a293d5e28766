"""The HTTP API of Prometheus over the lab's samples."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aiohttp import web
from multidict import MultiDict

from lab.jsontypes import JSON
from lab.prom.columns import Columns
from lab.prom.engine import Engine
from lab.prom.exposition import number
from lab.prom.lexer import QueryError, duration_ms
from lab.prom.nodes import RANGE, SCALAR, Node, Selector, type_of
from lab.prom.parser import parse
from lab.prom.tsdb import Database, Labels
from lab.stamps import unix_seconds

MAX_POINTS: Final = 11_000
Params = MultiDict[str]
Answer = Callable[[Params, web.Request], Awaitable[object]]


class PrometheusApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def routes(self) -> list[web.RouteDef]:
        answers: dict[str, Answer] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/series": self._series,
            "/api/v1/labels": self._labels,
        }
        found: list[web.RouteDef] = []
        for path, answer in answers.items():
            found += [web.get(path, _enveloped(answer)), web.post(path, _enveloped(answer))]
        return [
            *found,
            web.get("/api/v1/label/{name}/values", _enveloped(self._label_values)),
            web.get("/api/v1/status/buildinfo", _enveloped(_build_info)),
            web.get("/-/healthy", _healthy),
        ]

    async def _query(self, params: Params, _request: web.Request) -> object:
        node = _parsed(params)
        at_ms = _time_ms(params, "time", time.time())
        return await asyncio.to_thread(self._evaluate_at, node, at_ms)

    def _evaluate_at(self, node: Node, at_ms: int) -> JSON:
        engine = Engine(self._database, [at_ms])
        if isinstance(node, Selector) and node.range_ms:
            ranges: list[JSON] = [
                {"metric": dict(labels), "values": [_point(at, value) for at, value in samples]}
                for labels, samples in sorted(engine.raw(node).items())
            ]
            return {"resultType": "matrix", "result": ranges}
        if type_of(node) == SCALAR:
            value = engine.scalar(node)[0]
            return {"resultType": "scalar", "result": _point(at_ms, value or 0.0)}
        rows: list[JSON] = [
            {"metric": dict(labels), "value": _point(at_ms, column[0])}
            for labels, column in sorted(engine.vector(node).items())
            if column[0] is not None
        ]
        return {"resultType": "vector", "result": rows}

    async def _query_range(self, params: Params, _request: web.Request) -> object:
        node = _parsed(params)
        if type_of(node) == RANGE:
            raise QueryError(
                'invalid parameter "query": invalid expression type "range vector" for range'
                " query, must be Scalar or instant Vector"
            )
        steps = _steps(params)
        return await asyncio.to_thread(self._evaluate_over, node, steps)

    def _evaluate_over(self, node: Node, steps: list[int]) -> JSON:
        engine = Engine(self._database, steps)
        is_scalar = type_of(node) == SCALAR
        columns: Columns = {(): engine.scalar(node)} if is_scalar else engine.vector(node)
        rows = []
        for labels, column in sorted(columns.items()):
            pairs = zip(steps, column, strict=True)
            points = [_point(at, value) for at, value in pairs if value is not None]
            if points:
                rows.append({"metric": dict(labels), "values": points})
        return {"resultType": "matrix", "result": rows}

    async def _series(self, params: Params, _request: web.Request) -> object:
        if "match[]" not in params:
            raise QueryError("no match[] parameter provided")
        return [dict(labels) for labels in sorted(self._matching(params))]

    async def _labels(self, params: Params, _request: web.Request) -> object:
        return sorted({key for labels in self._matching(params) for key, _ in labels})

    async def _label_values(self, params: Params, request: web.Request) -> object:
        wanted = request.match_info["name"]
        return sorted(
            {value for labels in self._matching(params) for key, value in labels if key == wanted}
        )

    def _matching(self, params: Params) -> Iterable[Labels]:
        start_ms = _time_ms(params, "start", 0.0)
        end_ms = _time_ms(params, "end", time.time())
        selectors = params.getall("match[]", [])
        if not selectors:
            return {series.labels for series in self._database.all()}
        found: set[Labels] = set()
        for text in selectors:
            node = parse(text)
            if not isinstance(node, Selector) or node.range_ms:
                raise QueryError(f'invalid parameter "match[]": not a series selector: {text}')
            span_ms = max(end_ms - start_ms, 0) + 1
            whole = Selector(node.name, node.matchers, span_ms)
            found.update(Engine(self._database, [end_ms]).raw(whole))
        return found


async def _build_info(_params: Params, _request: web.Request) -> object:
    return {
        "version": "2.42.0+airra-lab", "revision": "", "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "",
    }  # fmt: skip


async def _healthy(_request: web.Request) -> web.Response:
    return web.Response(text="Prometheus Server is Healthy.\n")


def _enveloped(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        params: Params = MultiDict(request.query)
        if request.method == "POST":
            for key, value in (await request.post()).items():
                params.add(key, str(value))
        try:
            data = await answer(params, request)
        except (QueryError, ValueError) as exc:
            error = {"status": "error", "errorType": "bad_data", "error": str(exc)}
            return web.json_response(error, status=400)
        return web.json_response({"status": "success", "data": data})

    return handler


def _parsed(params: Params) -> Node:
    try:
        return parse(params.get("query", ""))
    except QueryError as exc:
        raise QueryError(f'invalid parameter "query": {exc}') from None


def _steps(params: Params) -> list[int]:
    start_ms, end_ms = _required_ms(params, "start"), _required_ms(params, "end")
    if end_ms < start_ms:
        raise QueryError('invalid parameter "end": end timestamp must not be before start time')
    step_ms = _step_ms(params.get("step", ""))
    if (end_ms - start_ms) // step_ms > MAX_POINTS:
        raise QueryError(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the"
            " query resolution (?step=XX)"
        )
    return list(range(start_ms, end_ms + 1, step_ms))


def _step_ms(text: str) -> int:
    try:
        step_ms = round(float(text) * 1000)
    except ValueError:
        try:
            step_ms = duration_ms(text)
        except QueryError:
            raise QueryError(
                f'invalid parameter "step": cannot parse "{text}" to a valid duration'
            ) from None
    if step_ms <= 0:
        raise QueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not'
            " accepted. Try a positive integer"
        )
    return step_ms


def _required_ms(params: Params, name: str) -> int:
    if not params.get(name):
        raise QueryError(f'invalid parameter "{name}": cannot parse "" to a valid timestamp')
    return _time_ms(params, name, 0.0)


def _time_ms(params: Params, name: str, default: float) -> int:
    text = params.get(name, "")
    if not text:
        return round(default * 1000)
    try:
        return round(unix_seconds(text) * 1000)
    except (ValueError, OverflowError):
        raise QueryError(
            f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
        ) from None


def _point(at_ms: int, value: float | None) -> list[float | str]:
    whole, rest = divmod(at_ms, 1000)
    return [at_ms / 1000 if rest else whole, number(0.0 if value is None else value)]
