"""Takes orders: reserves the goods, charges the buyer, writes the order down."""

from aiohttp import web

from lab.jsontypes import JSON
from lab.replica.runtime import Runtime
from lab.traps import OLD_SCHEMA

ORDER_WRITE_S = 0.33


def routes(runtime: Runtime) -> list[web.RouteDef]:
    async def place(request: web.Request) -> web.Response:
        order = await request.json()
        if runtime.bundle.defect == OLD_SCHEMA:
            msg = f"order {order['order']}: column orders.total_minor does not exist any more"
            raise LookupError(msg)
        total = total_of(order, runtime.bundle.defect)
        await runtime.peers.call("inventory", "POST", "/reserve", order)
        charge = {"amount": total, "order": order["order"], "currency": order.get("currency")}
        receipt = await runtime.peers.call("payments", "POST", "/charge", charge)
        await runtime.pause(ORDER_WRITE_S)
        runtime.journal.info(
            "orders", f"order {order['order']} placed: {order['quantity']} x {order['sku']}",
            amount=total,
        )  # fmt: skip
        return web.json_response({"order": order["order"], "receipt": receipt["receipt"]})

    return [web.post("/orders", place)]


def total_of(order: JSON, defect: str) -> float:
    """The price in euro. The release with multi-currency prices forgot that the key is optional."""
    rates = {"EUR": 1.0, "USD": 0.93, "GBP": 1.17}
    currency = order["currency"] if defect == "missing-key" else order.get("currency", "EUR")
    price: float = order["quantity"] * order["price"]
    return round(price * rates[currency], 2)
