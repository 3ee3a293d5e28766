"""A connection pool: bounded, with a time-out on waiting."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lab.replica.errors import PoolExhausted


class ConnectionPool:
    """`leaks` decides, for each connection given back, whether it is lost instead."""

    def __init__(self, *, size: int, wait_s: float, observe_wait: Callable[[float], None]) -> None:
        self._free = asyncio.Semaphore(size)
        self._size = size
        self._wait_s = wait_s
        self._observe_wait = observe_wait
        self.in_use = 0
        self.leaks: Callable[[], bool] = lambda: False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        """Borrow a connection. Raises PoolExhausted after the wait time-out."""
        began = time.perf_counter()
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_s)
        except TimeoutError:
            raise PoolExhausted(
                f"connection pool exhausted: {self.in_use} of {self._size} in use,"
                f" waited {self._wait_s}s"
            ) from None
        finally:
            self._observe_wait(time.perf_counter() - began)
        self.in_use += 1
        try:
            yield
        finally:
            if not self.leaks():
                self.in_use -= 1
                self._free.release()
