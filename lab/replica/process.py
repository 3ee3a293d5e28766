"""The life of a replica process: read the bundle, serve, obey stdin, end with its supervisor."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from aiohttp import web

from lab.jsontypes import JSON
from lab.replica import sabotage
from lab.replica.bundle import Bundle
from lab.replica.outbox import FLUSH_INTERVAL_S, READY, Outbox
from lab.replica.runtime import Runtime
from lab.replica.server import build
from lab.services import routes_of

INDEX_CHECK_S: Final = (3.0, 5.0)
_ENGINE_GONE: Final = 1


def main() -> int:
    bundle = Bundle(**json.loads(sys.stdin.buffer.readline()))
    asyncio.run(_serve(Runtime(bundle)))
    return 0


async def _serve(runtime: Runtime) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    runner = web.AppRunner(
        build(runtime, routes_of(runtime)),
        access_log=None, handler_cancellation=True, shutdown_timeout=2.0,
    )  # fmt: skip
    async with runtime.peers:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        version = runtime.bundle.version
        runtime.journal.info("main", f"{runtime.spec.name} {version} listening on port {port}")
        runtime.outbox.put(READY, json.dumps({"port": port}))
        runtime.spawn(listen(lambda message: _obey(runtime, message), runtime.outbox))
        runtime.spawn(flush_often(runtime.outbox))
        if runtime.bundle.defect == "broken-index":
            runtime.spawn(_verify_index(runtime))
        await stopped.wait()
        runtime.journal.info("main", "SIGTERM received, shutting down")
        await runner.cleanup()
    runtime.outbox.flush()


async def listen(obey: Callable[[JSON], None], outbox: Outbox) -> None:
    """Obey JSON lines on stdin; its end means that the supervisor is gone: end the process."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        obey(json.loads(line))
    outbox.flush()
    os._exit(0)


async def flush_often(outbox: Outbox) -> None:
    outbox.flush()
    while True:
        await asyncio.sleep(FLUSH_INTERVAL_S)
        outbox.flush()


def _obey(runtime: Runtime, message: JSON) -> None:
    match message["op"]:
        case "peers":
            runtime.peers.replace(message["peers"])
        case "flags":
            runtime.flags.update(message["flags"])
            runtime.journal.info("flags", f"flags reloaded: {json.dumps(message['flags'])}")
        case "sabotage":
            sabotage.start(runtime, message["kind"], pace=message.get("pace", 1.0))


async def _verify_index(runtime: Runtime) -> None:
    runtime.journal.info("index", "verifying segment checksums in the background")
    await asyncio.sleep(runtime.rng.uniform(*INDEX_CHECK_S))
    runtime.journal.error(
        "index", "fatal: checksum mismatch in segment 00c7, refusing to serve; aborting"
    )
    runtime.outbox.flush()
    os._exit(_ENGINE_GONE)
