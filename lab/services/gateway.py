"""The shop's front door."""

import time

from aiohttp import web

from lab.replica.runtime import Runtime, elapsed_ms


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def browse(request: web.Request) -> web.Response:
        began = time.perf_counter()
        page = request.query.get("page", "1")
        answer = await runtime.peers.call("search", "GET", f"/catalogue?page={page}")
        runtime.journal.info("http", f"GET /browse 200 in {elapsed_ms(began)} ms", page=int(page))
        return web.json_response(answer)

    async def search(request: web.Request) -> web.Response:
        began = time.perf_counter()
        term = request.query.get("q", "")
        answer = await runtime.peers.call("search", "GET", f"/find?q={term}")
        runtime.journal.info("http", f"GET /search 200 in {elapsed_ms(began)} ms", term=term)
        return web.json_response(answer)

    async def buy(request: web.Request) -> web.Response:
        began = time.perf_counter()
        order = await request.json()
        answer = await runtime.peers.call("checkout", "POST", "/orders", order)
        runtime.journal.info("http", f"POST /buy 200 in {elapsed_ms(began)} ms", sku=order["sku"])
        return web.json_response(answer)

    return [web.get("/browse", browse), web.get("/search", search), web.post("/buy", buy)]
