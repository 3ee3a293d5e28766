"""Samples in bounded memory.

A reader in another thread may hold on to `points`: the two arrays only ever grow at their end,
and trimming replaces both at once. A NaN is a staleness marker, as no replica exports one.
"""

import math
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

Labels = tuple[tuple[str, str], ...]
STALE: Final = math.nan
NAME: Final = "__name__"


class Series:
    """`points` are the times in milliseconds, rising, and the values."""

    __slots__ = ("labels", "points")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.points: tuple[array[int], array[float]] = (array("q"), array("d"))

    def append(self, at_ms: int, value: float) -> None:
        times, values = self.points
        if times and at_ms <= times[-1]:
            return
        # Values first: a reader takes the length of `times`.
        values.append(value)
        times.append(at_ms)

    @property
    def is_live(self) -> bool:
        _, values = self.points
        return bool(values) and not math.isnan(values[-1])

    def newest(self) -> tuple[int, float]:
        """The last time and value. Raises IndexError when there is none."""
        times, values = self.points
        return times[-1], values[-1]


class Database:
    """All series, found by their name and labels."""

    def __init__(self, *, retention_s: float) -> None:
        self._retention_ms = int(retention_s * 1000)
        self._series: dict[Labels, Series] = {}
        self._by_name: dict[str, list[Series]] = {}
        self._lock = threading.Lock()
        self.types: dict[str, str] = {}

    def series(self, name: str, labels: dict[str, str]) -> Series:
        """The series of these labels, made if need be."""
        key = tuple(sorted({NAME: name, **labels}.items()))
        with self._lock:
            known = self._series.get(key)
            if known is None:
                known = self._series[key] = Series(key)
                self._by_name.setdefault(name, []).append(known)
        return known

    def select(self, name: str, matches: Callable[[dict[str, str]], bool]) -> list[Series]:
        """The series whose labels match; an empty `name` looks through all of them."""
        with self._lock:
            found = list(self._by_name.get(name, ()) if name else self._series.values())
        return [series for series in found if matches(dict(series.labels))]

    def all(self) -> list[Series]:
        with self._lock:
            return list(self._series.values())

    def mark_stale(self, series: Iterable[Series], at_ms: int) -> None:
        for gone in series:
            if gone.is_live:
                gone.append(at_ms, STALE)

    def trim(self, now_ms: int) -> None:
        """Forget samples older than the retention, and series that have none left."""
        limit = now_ms - self._retention_ms
        for series in self.all():
            times, values = series.points
            first = bisect_left(times, limit)
            if first == len(times):
                self._forget(series)
            elif first > len(times) // 10:
                series.points = times[first:], values[first:]

    def _forget(self, series: Series) -> None:
        with self._lock:
            self._series.pop(series.labels, None)
            self._by_name[dict(series.labels)[NAME]].remove(series)
