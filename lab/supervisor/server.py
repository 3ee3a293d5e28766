"""The running lab: fleet, telemetry and every API on one port, until a signal ends it."""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from lab.control.api import ControlApi
from lab.jaeger.api import JaegerApi
from lab.loki.api import LokiApi
from lab.page.api import PageApi
from lab.page.guard import guard
from lab.prom.api import PrometheusApi
from lab.settings import Settings
from lab.supervisor.api import LabApi
from lab.supervisor.changes import ChangesApi
from lab.supervisor.fleet import Fleet
from lab.supervisor.injection import Injector
from lab.supervisor.scraper import Scraper
from lab.supervisor.status import Status
from lab.supervisor.telemetry import Telemetry
from lab.supervisor.warden import Warden

TRIM_INTERVAL_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Lab:
    settings: Settings
    telemetry: Telemetry
    fleet: Fleet
    app: web.Application


def make_lab(settings: Settings) -> Lab:
    telemetry = Telemetry(retention_s=settings.retention_s)
    fleet = Fleet(settings, telemetry)
    injector = Injector(fleet)
    status = Status(fleet, telemetry.database, injector)
    control = ControlApi(fleet, secret=settings.secret)
    app = web.Application(middlewares=[guard])
    for part in (
        PrometheusApi(telemetry.database),
        LokiApi(telemetry.logs),
        JaegerApi(telemetry.traces),
        ChangesApi(fleet.changes),
        control,
        LabApi(fleet, telemetry, injector, status, control),
        PageApi(fleet, injector, status),
    ):
        app.add_routes(part.routes())
    return Lab(settings, telemetry, fleet, app)


async def serve(lab: Lab) -> None:
    """Run until SIGTERM or SIGINT; says on stdout where it listens and when it is ready."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(lab.app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, lab.settings.host, lab.settings.port).start()
    port: int = runner.addresses[0][1]
    _say({"event": "listening", "host": lab.settings.host, "port": port})
    work = [asyncio.ensure_future(part) for part in _work(lab)]
    await stopped.wait()
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await lab.fleet.stop()
    await runner.cleanup()
    shutil.rmtree(lab.settings.data_dir / "spool", ignore_errors=True)
    with contextlib.suppress(OSError):
        lab.settings.data_dir.rmdir()


def _work(lab: Lab) -> list[Coroutine[None, None, None]]:
    scraper = Scraper(lab.fleet, lab.telemetry.database, interval_s=lab.settings.scrape_interval_s)
    warden = Warden(lab.fleet, lab.telemetry, limit_mb=lab.settings.memory_limit_mb)
    return [_open(lab), scraper.run(), warden.run(), _trim(lab.telemetry)]


async def _open(lab: Lab) -> None:
    await lab.fleet.start()
    _say({"event": "ready"})
    await lab.fleet.keep_customers()


async def _trim(telemetry: Telemetry) -> None:
    while True:
        await asyncio.sleep(TRIM_INTERVAL_S)
        telemetry.trim()


def _say(event: dict[str, str | int]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
