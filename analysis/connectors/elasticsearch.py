"""Elasticsearch and OpenSearch: log lines, from ECS, OpenTelemetry and home-made documents.

The URL may end in an index pattern (`https://es:9200/logs-*`); without one every index is
searched. Only `_search` is called, so a role with `read` on the pattern is enough.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airra.lib import clock
from analysis.connectors.base import (
    Source,
    as_list,
    as_object,
    malformed,
    refuse_too_many,
)
from analysis.connectors.logfields import (
    INSTANCES,
    LEVELS,
    MESSAGES,
    SERVICES,
    TRACES,
    flat,
    log_line,
)
from analysis.types import LogLine

_PAGE = 10_000  # index.max_result_window, unless raised
_TIME = "@timestamp"
_FORMAT = "strict_date_optional_time_nanos"


class Elasticsearch(Source):
    title = "Elasticsearch"
    page_size = _PAGE

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        end = clock.now().timestamp()
        found = self.lines(start=end - 300, end=end, limit=100)
        services = len({line.service for line in found})
        return f"Elasticsearch answers: lines of {services} services in the last 5 minutes"

    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]:
        """The newest `limit` lines of [start, end), oldest first. Times in Unix seconds.

        Pages go back by time, which needs no point in time held open at the source; a document
        seen on two pages is taken once.
        """
        found: dict[tuple[str, str], LogLine] = {}
        until = _stamp(end)
        with self._reading():
            while len(found) < limit:
                wanted = min(self.page_size, limit)
                hits = self._page(service, _stamp(start), until, wanted)
                known = len(found)
                for hit in hits:
                    found[str(hit.get("_index")), str(hit.get("_id"))] = _line(hit)
                if len(hits) < wanted or len(found) == known:
                    break
                # The millisecond that the page ended in again, for there may be more of it.
                oldest = min(line.at for line in found.values())
                until = _stamp(min(end, (math.floor(oldest * 1000 + 1e-3) + 1) / 1000))
        ours = (
            line
            for line in found.values()
            if start <= line.at < end and service in {"", line.service}
        )
        return sorted(ours, key=lambda line: line.at)[-limit:]

    def _page(self, service: str, start: str, end: str, limit: int) -> list[Mapping[str, Any]]:
        filters: list[Any] = [{"range": {_TIME: {"gte": start, "lt": end}}}]
        if service:
            # A phrase is a term on a keyword field, and close to one on analysed text.
            names = [{"match_phrase": {name: service}} for name in SERVICES]
            filters.append({"bool": {"should": names, "minimum_should_match": 1}})
        body = {
            "size": limit,
            "query": {"bool": {"filter": filters}},
            "sort": [{_TIME: {"order": "desc", "unmapped_type": "date"}}],
            "_source": [_TIME, *SERVICES, *LEVELS, *MESSAGES, *INSTANCES, *TRACES],
            "docvalue_fields": [{"field": _TIME, "format": _FORMAT}],
            "track_total_hits": False,
        }
        with self._reading() as http:
            # Half an answer must not look like a quiet service.
            params = {"allow_partial_search_results": "false", "ignore_unavailable": "true"}
            answer = as_object(http.post_json("/_search", body, params=params), "the answer")
        hits = as_list(as_object(answer.get("hits"), "hits").get("hits"), "hits.hits")
        refuse_too_many("lines", len(hits), _PAGE, "a service or a shorter range")
        return [as_object(hit, "a hit") for hit in hits]


def _stamp(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(hit: Mapping[str, Any]) -> LogLine:
    source = as_object(hit.get("_source", {}), "_source")
    values = as_object(hit.get("fields", {}), "fields").get(_TIME) or [source.get(_TIME)]
    return log_line(_seconds(as_list(values, "fields.@timestamp")[0]), "", flat(source), {})


def _seconds(value: Any) -> float:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        malformed("@timestamp", "a time like 2026-01-31T12:00:00Z", value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
