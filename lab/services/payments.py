"""Charges buyers at the bank and keeps a receipt on disk."""

import json

from aiohttp import web

from lab.replica.runtime import Runtime

RECEIPT_PADDING = 1500


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def charge(request: web.Request) -> web.Response:
        payment = await request.json()
        if runtime.flags["payments.fraud_check"]:
            await runtime.peers.call("bank", "POST", "/fraud-check", payment)
        answer = await runtime.peers.call("bank", "POST", "/charge", payment)
        receipt = answer["authorisation"]
        content = json.dumps(payment).encode() + b" " * RECEIPT_PADDING
        runtime.spool.write(f"receipt-{receipt}.json", content)
        runtime.journal.info(
            "charges", f"charged {payment['amount']:.2f} EUR for order {payment['order']}",
            authorisation=receipt,
        )  # fmt: skip
        return web.json_response({"receipt": receipt})

    return [web.post("/charge", charge)]
