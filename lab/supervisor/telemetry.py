"""Everything the shop tells about itself, in one place."""

import json
import time
from typing import Any

from lab.jaeger.store import TraceStore
from lab.loki.store import LogStore
from lab.prom.tsdb import Database
from lab.supervisor.changes import rfc3339
from lab.supervisor.place import Place


class Telemetry:
    """Implements the fleet's `Sink`."""

    def __init__(self, *, retention_s: float) -> None:
        self._retention_s = retention_s
        self.database = Database(retention_s=retention_s)
        self.logs = LogStore()
        self.traces = TraceStore()

    def log_line(self, line: str) -> None:
        self.logs.add(line)

    def platform_log(self, level: str, place: Place, message: str) -> None:
        """A line the platform writes about a replica, or one the replica wrote by accident."""
        row = {
            "ts": rfc3339(time.time()),
            "level": level,
            "service": place.service,
            "instance": place.instance,
            "logger": "platform",
            "message": message,
        }
        self.logs.add(json.dumps(row))

    def span(self, service: str, instance: str, row: list[Any]) -> None:
        self.traces.add(service, instance, row)

    def trim(self) -> None:
        self.database.trim(int(time.time() * 1000))
        self.logs.trim(self._retention_s)
        self.traces.trim(self._retention_s)
