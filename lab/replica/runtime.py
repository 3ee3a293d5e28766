"""What a service's handlers can use: settings, calls, the pool, the spool, logs and metrics."""

import asyncio
import hashlib
import time
from collections.abc import Coroutine
from pathlib import Path
from random import Random

from lab.jsontypes import JSON
from lab.replica.admission import Admission
from lab.replica.bundle import Bundle
from lab.replica.journal import Journal
from lab.replica.metrics import Gauges, Metrics
from lab.replica.outbox import Outbox
from lab.replica.peers import Peers
from lab.replica.pool import ConnectionPool
from lab.replica.spool import Spool
from lab.replica.tracing import Tracer
from lab.shop import SHOP, ServiceSpec


class Runtime:
    def __init__(self, bundle: Bundle) -> None:
        spec = SHOP[bundle.service]
        self.bundle = bundle
        self.spec = spec
        self.config = bundle.config
        self.flags = bundle.flags
        self.is_hanging = False
        self.rng = Random(bundle.seed)
        self.outbox = Outbox()
        self.journal = Journal(self.outbox, service=bundle.service, instance=bundle.instance)
        # Not seeded: identifiers must differ between incarnations of one replica.
        self.tracer = Tracer(self.outbox, rng=Random(), ratio=bundle.trace_ratio)
        self.metrics = Metrics()
        self.spool = Spool(Path(bundle.spool_dir), quota=bundle.spool_bytes)
        self.admission = Admission(concurrency=spec.concurrency, limit=spec.queue_limit)
        self.peers = Peers(spec.calls, self.tracer, self.metrics)
        self.peers.replace(bundle.peers)
        self.pool = self._make_pool(spec)
        self.metrics.expose(self._gauges())
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run in the background for as long as the process lives."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def pause(self, mean_s: float, spread: float = 0.15) -> None:
        """Wait as for a disk or a third party: about `mean_s`, never less than half of it."""
        await asyncio.sleep(max(mean_s / 2, self.rng.gauss(mean_s, mean_s * spread)))

    def compute(self, rounds: int = 120) -> str:
        """Use a little real CPU, as rendering or serialising would."""
        digest = self.bundle.instance.encode()
        for _ in range(rounds):
            digest = hashlib.sha256(digest).digest()
        return digest.hex()

    async def query(self, name: str, rows: int) -> JSON:
        """Run a query over a pooled connection. Raises PoolExhausted, PeerTimeout, PeerFailed."""
        assert self.pool is not None  # noqa: S101 - only services with a pool have queries
        body = {"query": name, "table": self.config["table"], "rows": rows}
        async with self.pool.connection():
            return await self.peers.call("database", "POST", "/query", body)

    def _make_pool(self, spec: ServiceSpec) -> ConnectionPool | None:
        if not spec.pool_size:
            return None
        return ConnectionPool(
            size=spec.pool_size, wait_s=spec.pool_wait_s, observe_wait=self._observe_wait
        )

    def _observe_wait(self, waited_s: float) -> None:
        if self.metrics.pool_wait is not None:
            self.metrics.pool_wait.observe(waited_s)

    def _gauges(self) -> Gauges:
        return Gauges(
            queue_depth=lambda: self.admission.waiting,
            queue_limit=self.admission.limit,
            disk_used=lambda: self.spool.used,
            disk_size=self.spool.quota,
            memory_limit=self.bundle.memory_limit_bytes,
            pool_in_use=lambda: self.pool.in_use if self.pool else 0,
            pool_max=self.spec.pool_size,
        )


def elapsed_ms(since: float) -> int:
    """Whole milliseconds since a `time.perf_counter()` reading."""
    return round((time.perf_counter() - since) * 1000)
