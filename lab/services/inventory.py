"""Knows what is in stock."""

from aiohttp import web

from lab.replica.runtime import Runtime


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def reserve(request: web.Request) -> web.Response:
        order = await request.json()
        if runtime.flags["inventory.stock_report"]:
            await runtime.query("stock_report", rows=250_000)
        await runtime.query("stock_reserve", rows=order["quantity"])
        left = runtime.rng.randrange(20, 400)
        runtime.journal.info(
            "stock", f"reserved {order['quantity']} of {order['sku']}, {left} left",
            order=order["order"],
        )  # fmt: skip
        return web.json_response({"reserved": order["quantity"], "left": left})

    return [web.post("/reserve", reserve)]
