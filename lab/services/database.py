"""A database with few execution slots: what does not fit waits its turn (see `admission`)."""

import time

from aiohttp import web

from lab.replica.errors import BadRequest
from lab.replica.runtime import Runtime, elapsed_ms

TABLES = frozenset({"products", "stock_items"})
QUERY_S = {
    "catalogue_page": 0.012,
    "product_search": 0.025,
    "stock_reserve": 0.015,
    "stock_report": 1.4,
}
SLOW_QUERY_S = 1.0


def routes(runtime: Runtime) -> list[web.RouteDef]:
    runtime.metrics.measure_queries()
    durations = runtime.metrics.query_duration

    async def query(request: web.Request) -> web.Response:
        began = time.perf_counter()
        wanted = await request.json()
        name, table = wanted["query"], wanted["table"]
        if table not in TABLES:
            raise BadRequest(f'relation "{table}" does not exist')
        try:
            await runtime.pause(QUERY_S[name])
        finally:
            if durations is not None:
                durations.labels(name).observe(time.perf_counter() - began)
        if QUERY_S[name] >= SLOW_QUERY_S:
            runtime.journal.warn(
                "slowlog", f"slow query {name} on {table}: {elapsed_ms(began)} ms",
                rows_scanned=wanted["rows"], slots_waiting=runtime.admission.waiting,
            )  # fmt: skip
        return web.json_response({"rows": min(wanted["rows"], 1000)})

    return [web.post("/query", query)]
