"""An outside provider: nobody here can restart it."""

import asyncio

from aiohttp import web

from lab.replica.runtime import Runtime

FRAUD_CHECK_S = 0.04
CHARGE_S = 0.06
FOREVER_S = 60.0


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def fraud_check(_request: web.Request) -> web.Response:
        if runtime.is_hanging:
            await asyncio.sleep(FOREVER_S)
        await runtime.pause(FRAUD_CHECK_S)
        return web.json_response({"risk": round(runtime.rng.betavariate(1, 12), 3)})

    async def charge(_request: web.Request) -> web.Response:
        await runtime.pause(CHARGE_S)
        return web.json_response({"authorisation": f"{runtime.rng.getrandbits(40):010x}"})

    return [web.post("/fraud-check", fraud_check), web.post("/charge", charge)]
