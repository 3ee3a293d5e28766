"""JSON log lines."""

import json
from datetime import UTC, datetime

from lab.replica.outbox import LOG, Outbox
from lab.replica.tracing import CURRENT


class Journal:
    """Writes one JSON object per line, with the trace it belongs to."""

    def __init__(self, outbox: Outbox, *, service: str, instance: str) -> None:
        self._outbox = outbox
        self._service = service
        self._instance = instance

    def info(self, logger: str, message: str, **fields: object) -> None:
        self._write("info", logger, message, fields)

    def warn(self, logger: str, message: str, **fields: object) -> None:
        self._write("warn", logger, message, fields)

    def error(self, logger: str, message: str, **fields: object) -> None:
        self._write("error", logger, message, fields)

    def _write(self, level: str, logger: str, message: str, fields: dict[str, object]) -> None:
        span = CURRENT.get()
        row: dict[str, object] = {
            "ts": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": level,
            "service": self._service,
            "instance": self._instance,
            "logger": f"{self._service}.{logger}",
            "message": message,
        }
        if span is not None:
            row["trace_id"] = span.trace_id
        self._outbox.put(LOG, json.dumps(row | fields))
