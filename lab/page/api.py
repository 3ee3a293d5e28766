"""The two routes of the page."""

import asyncio
from importlib.resources import files

from aiohttp import web

from lab.page.html import render
from lab.supervisor.fleet import Fleet
from lab.supervisor.injection import Injector
from lab.supervisor.status import Status


class PageApi:
    def __init__(self, fleet: Fleet, injector: Injector, status: Status) -> None:
        self._fleet = fleet
        self._injector = injector
        self._status = status
        self._css = files("lab.page").joinpath("lab.css").read_text()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._page), web.get("/lab/lab.css", self._style)]

    async def _page(self, _request: web.Request) -> web.Response:
        rows = await asyncio.to_thread(self._status.rows)
        text = render(
            rows, self._status.customers(), self._fleet.changes.newest(15),
            self._injector.injections,
        )  # fmt: skip
        return web.Response(text=text, content_type="text/html")

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._css, content_type="text/css")
