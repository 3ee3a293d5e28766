"""The HTTP side of the control API."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from lab.control import order as orders
from lab.control.errors import Invalid, Refused, Unknown
from lab.control.ledger import Entry, Ledger, check_expected, wait_for
from lab.control.plan import plan
from lab.control.signature import verify
from lab.jsontypes import JSON
from lab.supervisor.changes import rfc3339
from lab.supervisor.fleet import Fleet
from lab.supervisor.release import Service

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Chaos:
    """What is done to the next answer, after its effect: it comes late, or never."""

    delay_s: float = 0.0
    drops_answer: bool = False


class ControlApi:
    def __init__(self, fleet: Fleet, *, secret: str) -> None:
        self._fleet = fleet
        self._secret = secret
        self._ledger = Ledger(fleet)
        self.chaos: Chaos | None = None

    def routes(self) -> list[web.RouteDef]:
        base = "/control/v1"
        return [
            web.post(f"{base}/actions", _told(self._act)),
            web.get(f"{base}/actions/{{key}}", _told(self._action)),
            web.get(f"{base}/effects", self._effects),
            web.get(f"{base}/services", self._services),
            web.get(f"{base}/services/{{name}}", _told(self._service)),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        body = await request.read()
        verify(
            self._secret,
            timestamp=request.headers.get("X-AIRRA-Timestamp", ""),
            signature=request.headers.get("X-AIRRA-Signature", ""),
            body=body,
            now=time.time(),
        )
        key = request.headers.get("Idempotency-Key", "")
        if request.headers.get("X-AIRRA-Dry-Run", "") in {"1", "true"}:
            return self._dry_run(key, orders.read(body, self._fleet))
        if not key:
            raise Invalid("Idempotency-Key", "the header Idempotency-Key is required")
        entry, is_replay = await self._entry(key, body)
        await self._suffer(request)
        headers = {"Idempotent-Replay": "true"} if is_replay else {}
        return web.json_response(entry.as_json(), headers=headers)

    def _dry_run(self, key: str, order: orders.Order) -> web.Response:
        check_expected(order)
        version = order.service.resource_version
        return web.json_response(
            plan(order).as_json(order, key=key, state="planned", version=version)
        )

    async def _entry(self, key: str, body: bytes) -> tuple[Entry, bool]:
        # A replay is looked up before the order is checked: what was valid then may not be now.
        known = self._ledger.replay(key, orders.fingerprint_of(body))
        if known is not None:
            await wait_for(known)
            return known, True
        return await self._ledger.carry_out(key, orders.read(body, self._fleet)), False

    async def _suffer(self, request: web.Request) -> None:
        chaos, self.chaos = self.chaos, None
        if chaos is None:
            return
        await asyncio.sleep(chaos.delay_s)
        if chaos.drops_answer and request.transport is not None:
            request.transport.abort()

    async def _action(self, request: web.Request) -> web.Response:
        entry = self._ledger.entry(request.match_info["key"])
        if entry is None:
            raise Unknown("no action was asked for under this key")
        return web.json_response(entry.as_json())

    async def _effects(self, _request: web.Request) -> web.Response:
        return web.json_response({"effects": self._ledger.effects})

    async def _services(self, _request: web.Request) -> web.Response:
        rows = [describe(service) for service in self._fleet.services.values()]
        return web.json_response({"services": rows})

    async def _service(self, request: web.Request) -> web.Response:
        service = self._fleet.services.get(request.match_info["name"])
        if service is None:
            raise Unknown(f"unknown service {request.match_info['name']!r}")
        return web.json_response(describe(service))


def describe(service: Service) -> JSON:
    """A service as the control API shows it."""
    current = service.current
    return {
        "name": service.name,
        "external": service.spec.is_external,
        "desired_replicas": service.desired,
        "ready_replicas": service.ready,
        "restarts": service.restarts,
        "revision": current.number,
        "version": current.version,
        "config": current.config,
        "flags": service.flags,
        "resource_version": service.resource_version,
        "generation": service.generation,
        "history": [
            {"revision": known.number, "version": known.version, "config": known.config}
            for known in service.history
        ],
        "replicas": [
            {
                "instance": place.instance,
                "pid": place.pid,
                "started": rfc3339(place.started_at),
                "state": place.state.value,
                "revision": place.revision,
                "restarts": place.restarts,
            }
            for place in service.places
        ],
    }


def _told(handler: Handler) -> Handler:
    async def wrapped(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Refused as exc:
            error = {"code": exc.code, "message": exc.message, **exc.details}
            return web.json_response({"error": error}, status=exc.status)

    return wrapped
