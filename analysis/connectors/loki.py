"""Loki: log lines of a time range, whether they are JSON or plain text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airra.lib import clock
from analysis.connectors.base import Source, as_list, as_number, as_object, malformed
from analysis.types import LogLine

_PAGE = 5000  # Loki's default max_entries_limit_per_query
_MAX_MESSAGE = 2000
_SERVICE_LABELS = ("service", "service_name", "app", "job")
_LEVELS = ("level", "detected_level", "severity")
_MESSAGES = ("message", "msg", "event", "log")
_INSTANCES = ("instance", "pod", "host")
_TRACES = ("trace_id", "traceID", "traceId")


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
        """The newest `limit` lines of [start, end), oldest first. Times in Unix seconds."""
        found: list[LogLine] = []
        until = int(end * 1e9)
        while len(found) < limit and until > start * 1e9:
            wanted = min(_PAGE, limit - len(found))
            page = self._page(service, int(start * 1e9), until, wanted)
            found.extend(line for _, line in page)
            if len(page) < wanted:
                break
            until = min(stamp for stamp, _ in page)
        return sorted(found, key=lambda line: line.at)

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
        return [line for stream in streams for line in self._lines_of(stream)]

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
            as_number(value[0], "the time of a line")
            stamp = int(value[0])
            yield stamp, _line(stamp / 1e9, labels, value[1], self._label)


def _first(names: tuple[str, ...], *places: Mapping[str, Any]) -> str:
    """The first of `names` found, as text; the places are asked in order."""
    for place in places:
        for name in names:
            if place.get(name):
                return str(place[name])
    return ""


def _line(at: float, labels: Mapping[str, Any], text: str, service_label: str) -> LogLine:
    fields: Mapping[str, Any] = {}
    if text.startswith("{"):
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        fields = parsed if isinstance(parsed, dict) else {}
    return LogLine(
        at=at,
        service=_first((service_label, *_SERVICE_LABELS), labels, fields),
        instance=_first(_INSTANCES, labels, fields),
        level=_first(_LEVELS, fields, labels).lower(),
        message=(_first(_MESSAGES, fields) or text)[:_MAX_MESSAGE],
        trace_id=_first(_TRACES, fields, labels),
    )
