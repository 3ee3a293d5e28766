"""Log lines in bounded memory."""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lab.stamps import rfc3339_seconds

KEPT: Final = 200_000
LABELS: Final = ("instance", "level", "service", "service_name")


@dataclass(frozen=True, slots=True)
class Line:
    at_ns: int
    service: str
    instance: str
    level: str
    text: str

    def labels(self) -> dict[str, str]:
        return {
            "instance": self.instance,
            "level": self.level,
            "service": self.service,
            "service_name": self.service,
        }


class LogStore:
    """Lines in the order of their arrival; nearly, but not wholly, the order of their times."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=KEPT)

    def add(self, text: str) -> None:
        """Keep one JSON line; a line that is none is dropped."""
        try:
            row = json.loads(text)
            at_ns = round(rfc3339_seconds(row["ts"]) * 1e6) * 1000
            line = Line(at_ns, row["service"], row["instance"], row["level"], text)
        except (ValueError, KeyError, TypeError):
            return
        self._lines.append(line)

    def between(self, start_ns: int, end_ns: int) -> Iterator[Line]:
        """The lines of [start, end), oldest first."""
        return (line for line in self._lines if start_ns <= line.at_ns < end_ns)

    def values_of(self, label: str) -> list[str]:
        return sorted({line.labels()[label] for line in self._lines}) if label in LABELS else []

    def trim(self, retention_s: float) -> None:
        limit = (time.time() - retention_s) * 1e9
        while self._lines and self._lines[0].at_ns < limit:
            self._lines.popleft()
