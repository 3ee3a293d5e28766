"""A circuit breaker for each provider, shared by the investigations of a process."""

import threading
from collections.abc import Callable

FAILURES = 5
WINDOW_S = 60.0


class Breaker:
    """Opens after five failures within a minute, for a minute; then lets one caller try."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: list[float] = []
        self._opened: float | None = None
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Whether to ask now. In a half-open state the first caller is the probe."""
        with self._lock:
            if self._opened is None:
                return True
            now = self._clock()
            if now - self._opened < WINDOW_S:
                return False
            self._opened = now  # the others wait for what the probe finds
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failed.clear()
            self._opened = None

    def failed(self) -> None:
        with self._lock:
            now = self._clock()
            self._failed = [at for at in self._failed if now - at < WINDOW_S] + [now]
            if len(self._failed) >= FAILURES or self._opened is not None:
                self._opened = now


class Breakers:
    """One breaker for each name of a provider."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def of(self, name: str) -> Breaker:
        with self._lock:
            return self._made.setdefault(name, Breaker(self._clock))
