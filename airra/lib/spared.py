"""Something outside that may hang, and need not be asked again by everybody while it does."""

import threading
import time
from collections.abc import Callable


class Spared:
    """Whether to try it now: always, but after a failure one at a time, and not at once again."""

    def __init__(self, *, rest_s: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        self._rest_s, self._now = rest_s, now
        self._lock = threading.Lock()
        self._not_before: float | None = None

    def may_try(self) -> bool:
        if self._not_before is None:
            return True
        with self._lock:
            now = self._now()
            if self._not_before is None:
                return True
            if now < self._not_before:
                return False
            self._not_before = now + self._rest_s  # the others wait for what this one finds
            return True

    def failed(self) -> None:
        with self._lock:
            self._not_before = self._now() + self._rest_s

    def succeeded(self) -> None:
        self._not_before = None
