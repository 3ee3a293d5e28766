"""The shop's services: what each one does with a request."""

from aiohttp import web

from lab.replica.runtime import Runtime
from lab.services import bank, checkout, database, gateway, inventory, payments, search

_ROUTES = {
    "gateway": gateway.routes,
    "checkout": checkout.routes,
    "payments": payments.routes,
    "inventory": inventory.routes,
    "search": search.routes,
    "database": database.routes,
    "bank": bank.routes,
}


def routes_of(runtime: Runtime) -> list[web.RouteDef]:
    return _ROUTES[runtime.spec.name](runtime)
