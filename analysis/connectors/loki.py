"""Loki: log lines of a time range, whether they are JSON or plain text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airra.lib import clock
from analysis.connectors.base import (
    Source,
    as_list,
    as_number,
    as_object,
    malformed,
    refuse_too_many,
)
from analysis.connectors.logfields import flat, log_line
from analysis.types import LogLine

_PAGE = 5000  # Loki's default max_entries_limit_per_query
_MAX_LINES = 50_000
_SERVICE_LABELS = ("service", "service_name", "app", "job")


class Loki(Source):
    title = "Loki"
    _label = ""

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        end = clock.now().timestamp()
        found = self.lines(start=end - 300, end=end, limit=100)
        services = len({line.service for line in found})
        return f"Loki answers: lines of {services} services in the last 5 minutes"

    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]:
        """The newest `limit` lines of [start, end), oldest first. Times in Unix seconds.

        Pages go back in time; of lines that share the nanosecond a page ends in, some are left
        out. One read is one deadline, however many pages it takes.
        """
        found: list[LogLine] = []
        until = int(end * 1e9)
        with self._reading():
            while len(found) < limit and until > start * 1e9:
                wanted = min(_PAGE, limit - len(found))
                page = self._page(service, int(start * 1e9), until, wanted)
                found.extend(line for _, line in page)
                if len(page) < wanted:
                    break
                until = min(until - 1, *(stamp for stamp, _ in page))
        ours = (line for line in found if start <= line.at < end)
        return sorted(ours, key=lambda line: line.at)[-limit:]

    def _page(self, service: str, start: int, end: int, limit: int) -> list[tuple[int, LogLine]]:
        matcher = f"={json.dumps(service)}" if service else '=~".+"'
        params: dict[str, str | int] = {
            "query": f"{{{self._service_label()}{matcher}}}",
            "start": start,
            "end": end,
            "limit": limit,
            "direction": "backward",
        }
        with self._reading() as http:
            body = http.get_json("/loki/api/v1/query_range", params=params)
        data = as_object(as_object(body, "the answer").get("data"), "data")
        if data.get("resultType") != "streams":
            malformed("data.resultType", '"streams"', data.get("resultType"))
        streams = as_list(data.get("result"), "data.result")
        found = [line for stream in streams for line in self._lines_of(stream)]
        refuse_too_many("lines", len(found), _MAX_LINES, "a service or a shorter range")
        return found

    def _service_label(self) -> str:
        """The label that names services here: the first of the usual ones that exists."""
        if not self._label:
            with self._reading() as http:
                body = as_object(http.get_json("/loki/api/v1/labels"), "the answer")
            # Loki leaves `data` out while it holds nothing.
            known = [str(name) for name in as_list(body.get("data") or [], "data")]
            self._label = next((name for name in _SERVICE_LABELS if name in known), "service")
        return self._label

    def _lines_of(self, stream: Any) -> Iterator[tuple[int, LogLine]]:
        entry = as_object(stream, "a stream")
        labels = as_object(entry.get("stream"), "stream")
        for pair in as_list(entry.get("values"), "values"):
            value = as_list(pair, "a value")
            if len(value) < 2 or not isinstance(value[1], str):
                malformed("a value", "[time, line]", pair)
            number = as_number(value[0], "the time of a line")
            # Nanoseconds do not fit a float.
            stamp = int(value[0]) if str(value[0]).isdecimal() else int(number)
            text = value[1]
            yield (
                stamp,
                log_line(stamp / 1e9, text, _fields(text), labels, service_label=self._label),
            )


def _fields(text: str) -> Mapping[str, Any]:
    """What the object holds that a line is; nothing of a line that is none."""
    if not text.startswith("{"):
        return {}
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return flat(parsed) if isinstance(parsed, dict) else {}
