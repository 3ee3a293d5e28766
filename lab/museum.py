"""`python -m lab serve WORLD`: the read APIs over frozen worlds, and nothing that could act.

Each world stands under its own path, so that one process serves any number of them.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from lab.faults import catalogue
from lab.frozen import World, read, thaw
from lab.jaeger.api import JaegerApi
from lab.loki.api import LokiApi
from lab.prom.api import PrometheusApi
from lab.supervisor.changes import ChangesApi


def make_museum(worlds: Mapping[str, World]) -> web.Application:
    """An application that answers under /<name>/… for each world."""
    app = web.Application()
    app.add_routes([web.get("/lab/faults/catalog", catalogue)])
    for name, world in worlds.items():
        room = web.Application()
        for part in (
            PrometheusApi(world.database),
            LokiApi(world.logs),
            JaegerApi(world.traces),
            ChangesApi(world.changes),
        ):
            room.add_routes(part.routes())
        app.add_subapp(f"/{name}", room)
    return app


async def serve(paths: list[Path], *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; says on stdout where it listens. Raises NotAWorld."""
    worlds = {path.name.removesuffix(".json.gz"): thaw(read(path)) for path in paths}
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(make_museum(worlds), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound: int = runner.addresses[0][1]
    sys.stdout.write(json.dumps({"event": "listening", "host": host, "port": bound}) + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()
