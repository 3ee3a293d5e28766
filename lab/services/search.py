"""Finds products."""

from aiohttp import web

from lab.replica.runtime import Runtime


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def catalogue(request: web.Request) -> web.Response:
        page = int(request.query.get("page", "1"))
        answer = await runtime.query("catalogue_page", rows=24)
        return web.json_response({"page": page, "products": answer["rows"]})

    async def find(request: web.Request) -> web.Response:
        term = request.query.get("q", "")
        answer = await runtime.query("product_search", rows=runtime.rng.randrange(1, 60))
        runtime.compute(240 if runtime.flags["search.fuzzy"] else 120)
        if runtime.rng.random() < 0.3:
            runtime.journal.info("query", f"{answer['rows']} products match {term!r}")
        return web.json_response({"term": term, "products": answer["rows"]})

    return [web.get("/catalogue", catalogue), web.get("/find", find)]
