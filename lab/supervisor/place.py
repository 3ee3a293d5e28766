"""A place in the shop: one instance name, whose process is kept alive with a back-off."""

import asyncio
import time
from enum import StrEnum
from typing import Final, Protocol

from lab.jsontypes import JSON
from lab.supervisor.child import Child

BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0)
CALM_AFTER_S: Final = 30.0
READY_WITHIN_S: Final = 20.0
STOP_GRACE_S: Final = 3.0
FAREWELL_S: Final = 0.2


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    BACKOFF = "back-off"
    STOPPED = "stopped"


class Host(Protocol):
    """What a place needs from the fleet it belongs to."""

    def bundle_for(self, place: "Place") -> JSON: ...

    def heard(self, place: "Place", line: str) -> None: ...

    def changed(self, place: "Place") -> None: ...

    def died(self, place: "Place", code: int, delay_s: float) -> None: ...


class Place:
    def __init__(self, host: Host, *, service: str, number: int) -> None:
        self._host = host
        self.service = service
        self.number = number
        self.instance = f"{service}-{number}"
        self.state = State.STOPPED
        self.port = 0
        self.revision = 0
        self.started_at = 0.0
        self.restarts = 0
        self.child: Child | None = None
        self._failures = 0
        self._keeper: asyncio.Task[None] | None = None
        self._is_ready = asyncio.Event()

    @property
    def pid(self) -> int:
        return self.child.pid if self.child is not None and self.child.is_alive else 0

    async def start(self) -> bool:
        """Start the process; returns whether it became ready in time."""
        self._failures = 0
        self._is_ready.clear()
        self._keeper = asyncio.create_task(self._keep())
        try:
            await asyncio.wait_for(self._is_ready.wait(), READY_WITHIN_S)
        except TimeoutError:
            return False
        return True

    def became_ready(self, port: int) -> None:
        self.port = port
        self.state = State.READY
        self._is_ready.set()
        self._host.changed(self)

    async def stop(self) -> None:
        """Take the place out of service, then end its process: politely, then not."""
        was_serving = self.state is State.READY
        self.state = State.DRAINING
        self._host.changed(self)
        if was_serving:
            # Callers must have heard that this address is gone before it stops answering.
            await asyncio.sleep(FAREWELL_S)
        if self.child is not None and self.child.is_alive and self._keeper is not None:
            self.child.terminate()
            await asyncio.wait([self._keeper], timeout=STOP_GRACE_S)
            self.child.kill()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self.state = State.STOPPED
        self._host.changed(self)

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            code = await self._live()
            if self.state in {State.DRAINING, State.STOPPED}:
                return
            self._failures = 0 if time.monotonic() - began > CALM_AFTER_S else self._failures
            delay_s = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
            self._failures += 1
            self.restarts += 1
            self.state = State.BACKOFF
            self._host.died(self, code, delay_s)
            await asyncio.sleep(delay_s)

    async def _live(self) -> int:
        self.state = State.STARTING
        self.started_at = time.time()
        self.child = await Child.start("lab.replica", self._host.bundle_for(self))
        self._host.changed(self)
        return await self.child.follow(lambda line: self._host.heard(self, line))
