"""The lab's own routes: faults, status, change events and the metrics of the whole shop."""

import time
from dataclasses import asdict

from aiohttp import web

from lab.control.api import Chaos, ControlApi
from lab.faults import catalogue
from lab.frozen import World, freeze
from lab.jsontypes import JSON
from lab.prom.exposition import render
from lab.stamps import unix_seconds
from lab.supervisor.fleet import Fleet
from lab.supervisor.injection import CannotInject, Injector
from lab.supervisor.status import Status
from lab.supervisor.telemetry import Telemetry


class LabApi:
    def __init__(
        self, fleet: Fleet, telemetry: Telemetry, injector: Injector, status: Status,
        control: ControlApi,
    ) -> None:  # fmt: skip
        self._fleet = fleet
        self._telemetry = telemetry
        self._injector = injector
        self._status = status
        self._control = control

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/lab/world", self._world),
            web.get("/metrics", self._metrics),
            web.get("/-/ready", self._ready),
            web.get("/lab/status", self._show_status),
            web.get("/lab/faults", self._faults),
            web.get("/lab/faults/catalog", catalogue),
            web.post("/lab/faults", self._inject),
            web.post("/lab/heal", self._heal),
            web.post("/lab/traps", self._trap),
            web.post("/lab/chaos", self._set_chaos),
        ]

    async def _metrics(self, request: web.Request) -> web.Response:
        with_timestamps = request.query.get("timestamps") == "1"
        text = render(self._telemetry.database, with_timestamps=with_timestamps)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _ready(self, _request: web.Request) -> web.Response:
        missing = [s.name for s in self._fleet.services.values() if s.ready < s.desired]
        if missing or self._fleet.customers is None:
            return _error(503, f"not ready: {', '.join(missing) or 'customers'}")
        return web.json_response({"ready": True})

    async def _show_status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._status.as_json())

    async def _faults(self, _request: web.Request) -> web.Response:
        rows = [injection.as_json() for injection in self._injector.injections]
        return web.json_response({"faults": rows})

    async def _inject(self, request: web.Request) -> web.StreamResponse:
        is_form = request.content_type != "application/json"
        row: JSON = dict(await request.post()) if is_form else await _json(request)
        try:
            injection = self._injector.inject(
                str(row.get("fault") or ""),
                str(row.get("service") or ""),
                pace=float(row.get("pace", 1.0)),
            )
        except CannotInject as exc:
            return _error(422, str(exc))
        except (TypeError, ValueError):
            return _error(422, "pace must be a number")
        if is_form:
            raise web.HTTPSeeOther("/")
        return web.json_response(injection.as_json(), status=201)

    async def _trap(self, request: web.Request) -> web.Response:
        try:
            trap = self._injector.trap(str((await _json(request)).get("trap") or ""))
        except CannotInject as exc:
            return _error(422, str(exc))
        return web.json_response(asdict(trap), status=201)

    async def _heal(self, request: web.Request) -> web.StreamResponse:
        await self._injector.heal()
        if request.content_type == "application/x-www-form-urlencoded":
            raise web.HTTPSeeOther("/")
        return web.json_response({"healed": True})

    async def _world(self, request: web.Request) -> web.Response:
        try:
            since = unix_seconds(request.query.get("since") or "0")
        except ValueError as exc:
            return _error(400, f"since is Unix seconds or RFC 3339: {exc}")
        injected = [injection.as_json() for injection in self._injector.injections]
        stores = self._telemetry
        about = {"frozen_at": time.time(), "injected": injected}
        world = World(about, stores.database, stores.logs, stores.traces, self._fleet.changes)
        return web.json_response(freeze(world, since=since))  # the shop waits: it tells nothing now

    async def _set_chaos(self, request: web.Request) -> web.Response:
        row = await _json(request)
        try:
            delay_s = float(row.get("delay_s") or 0)
        except (TypeError, ValueError):
            return _error(422, "delay_s must be a number of seconds")
        self._control.chaos = Chaos(delay_s, drops_answer=bool(row.get("drop_after_effect")))
        return web.json_response({"armed": True})


async def _json(request: web.Request) -> JSON:
    try:
        row = await request.json()
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise web.HTTPUnprocessableEntity(text="the body must be a JSON object")
    return row


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)
