"""Bounded concurrency with a bounded queue before it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab.replica.errors import Busy


class Admission:
    """At most `concurrency` requests at work, at most `limit` waiting; the rest are refused."""

    def __init__(self, *, concurrency: int, limit: int) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self.limit = limit
        self.waiting = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free slot. Raises Busy when the queue is full."""
        if self._slots.locked() and self.waiting >= self.limit:
            raise Busy(f"work queue full: {self.waiting} of {self.limit} waiting")
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._slots.release()
