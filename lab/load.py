"""The customers: a process of its own that sends Poisson arrivals to the gateway."""

import asyncio
import json
import math
import signal
import sys
import time
from random import Random
from typing import Final

import aiohttp

from lab.jsontypes import JSON
from lab.replica.outbox import READY, STATS, Outbox
from lab.replica.process import flush_often, listen

BUY_SHARE: Final = 0.35
SEARCH_SHARE: Final = 0.30
SWELL: Final = 0.06
SWELL_PERIOD_S: Final = 240.0
STATS_INTERVAL_S: Final = 2.0
PATIENCE_S: Final = 8.0
MAX_IN_FLIGHT: Final = 300
TERMS: Final = ("kettle", "lamp", "chair", "rug", "vase", "clock", "shelf", "mug", "tray", "desk")


class Customers:
    """`buyers` multiplies the arrivals of buyers only."""

    def __init__(self, bundle: JSON) -> None:
        self._rate: float = bundle["rate"]
        self._rng = Random(bundle["seed"])
        self.gateways: list[str] = bundle["peers"].get("gateway", [])
        self.buyers = 1.0
        self.outbox = Outbox()
        self._turn = 0
        self._running: set[asyncio.Task[None]] = set()
        self._durations: list[float] = []
        self._failures = 0

    async def shop_on(self) -> None:
        """Send arrivals for as long as the process lives."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            while True:
                await asyncio.sleep(self._rng.expovariate(self._arrivals_per_s()))
                if self.gateways and len(self._running) < MAX_IN_FLIGHT:
                    task = asyncio.ensure_future(self._visit(session))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)

    async def report(self) -> None:
        """Tell the lab's own page how the customers fare."""
        while True:
            await asyncio.sleep(STATS_INTERVAL_S)
            ordered = sorted(self._durations)
            total = len(ordered)
            stats = {
                "arrivals_per_s": round(total / STATS_INTERVAL_S, 1),
                "failed_ratio": round(self._failures / total, 3) if total else 0.0,
                "p95_ms": round(ordered[int(total * 0.95)] * 1000) if total else 0,
                "buyers_factor": self.buyers,
            }
            self._durations, self._failures = [], 0
            self.outbox.put(STATS, json.dumps(stats))

    def obey(self, message: JSON) -> None:
        match message["op"]:
            case "peers":
                self.gateways = message["peers"].get("gateway", [])
            case "load":
                self.buyers = message["buyers"]

    def _arrivals_per_s(self) -> float:
        swell = 1 + SWELL * math.sin(time.monotonic() * 2 * math.pi / SWELL_PERIOD_S)
        return self._rate * swell * (1 - BUY_SHARE + BUY_SHARE * self.buyers)

    async def _visit(self, session: aiohttp.ClientSession) -> None:
        began = time.perf_counter()
        method, path, body = self._wish()
        self._turn += 1
        address = self.gateways[self._turn % len(self.gateways)]
        try:
            async with session.request(method, f"http://{address}{path}", json=body) as response:
                await response.read()
                self._failures += response.status >= 500
        except (aiohttp.ClientError, TimeoutError):
            self._failures += 1
        self._durations.append(time.perf_counter() - began)

    def _wish(self) -> tuple[str, str, JSON | None]:
        buyers = BUY_SHARE * self.buyers
        dice = self._rng.random() * (1 - BUY_SHARE + buyers)
        if dice < buyers:
            return "POST", "/buy", self._order()
        if dice < buyers + SEARCH_SHARE:
            return "GET", f"/search?q={self._rng.choice(TERMS)}", None
        return "GET", f"/browse?page={self._rng.randrange(1, 40)}", None

    def _order(self) -> JSON:
        order: JSON = {
            "order": f"o-{self._rng.randrange(10**7):07d}",
            "sku": f"sku-{self._rng.randrange(400):03d}",
            "quantity": self._rng.randrange(1, 5),
            "price": round(self._rng.uniform(4, 90), 2),
        }
        if self._rng.random() < 0.5:
            order["currency"] = self._rng.choice(("EUR", "USD", "GBP"))
        return order


async def _run(customers: Customers) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    customers.outbox.put(READY, "{}")
    work = [
        asyncio.ensure_future(listen(customers.obey, customers.outbox)),
        asyncio.ensure_future(flush_often(customers.outbox)),
        asyncio.ensure_future(customers.report()),
        asyncio.ensure_future(customers.shop_on()),
    ]
    await stopped.wait()
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_run(Customers(json.loads(sys.stdin.buffer.readline()))))
