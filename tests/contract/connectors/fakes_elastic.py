"""Elasticsearch's `_search` over real HTTP, as strict as the real one about what it is asked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug import Request, Response

from analysis.types import LogLine

MAX_RESULT_WINDOW = 10_000
_KNOWN = {"size", "query", "sort", "_source", "docvalue_fields", "track_total_hits"}


def error(status: int, type_: str, reason: str) -> Response:
    cause = {"type": type_, "reason": reason}
    body = {"error": {"root_cause": [cause], **cause}, "status": status}
    return Response(json.dumps(body), status=status, content_type="application/json")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def ecs(line: LogLine) -> dict[str, Any]:
    """As Elastic's own loggers and Filebeat write it."""
    return {
        "@timestamp": iso(line.at),
        "message": line.message,
        "log": {"level": line.level},
        "service": {"name": line.service},
        "host": {"name": line.instance},
        "trace": {"id": line.trace_id},
    }


@dataclass
class FakeElasticsearch:
    """One index `logs-shop`. Answers what a data stream of log lines would."""

    lines: list[LogLine] = field(default_factory=list)
    authorization: str = ""
    requests: list[Any] = field(default_factory=list)

    def search(self, request: Request) -> Response:
        if self.authorization and request.headers.get("Authorization") != self.authorization:
            reason = "missing authentication credentials for REST request [/logs-*/_search]"
            return error(401, "security_exception", reason)
        body = request.get_json()
        self.requests.append(body)
        if unknown := set(body) - _KNOWN:
            return error(400, "parsing_exception", f"unknown key {sorted(unknown)} in [1:2]")
        if body["size"] > MAX_RESULT_WINDOW:
            reason = (
                "Result window is too large, from + size must be less than or equal to: [10000]"
            )
            return error(400, "illegal_argument_exception", reason)
        documents = [(f"id-{i}", ecs(line)) for i, line in enumerate(self.lines)]
        found = [d for d in documents if all(_holds(f, d[1]) for f in _filters(body))]
        found.sort(key=lambda d: datetime.fromisoformat(d[1]["@timestamp"]), reverse=True)
        hits = [self._hit(key, document, body) for key, document in found[: body["size"]]]
        answer = {
            "took": 3,
            "timed_out": False,
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {"max_score": None, "hits": hits},
        }
        return Response(json.dumps(answer), content_type="application/json")

    def _hit(self, key: str, document: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        wanted = set(body["_source"])
        source = {k: v for k, v in document.items() if any(w.split(".")[0] == k for w in wanted)}
        at = datetime.fromisoformat(document["@timestamp"])
        return {
            "_index": ".ds-logs-shop-2026.01.31-000001",
            "_id": key,
            "_score": None,
            "_source": source,
            "fields": {"@timestamp": [document["@timestamp"]]},
            "sort": [int(at.timestamp() * 1000)],
        }


def _filters(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    (query,) = body["query"].items()
    assert query[0] == "bool"
    yield from query[1]["filter"]


def _holds(clause: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    ((kind, inner),) = clause.items()
    if kind == "range":
        ((name, limits),) = inner.items()
        at = datetime.fromisoformat(document[name])
        low, high = (datetime.fromisoformat(limits[end]) for end in ("gte", "lt"))
        return low <= at < high
    if kind == "bool":
        assert inner["minimum_should_match"] == 1
        return any(_holds(option, document) for option in inner["should"])
    assert kind == "match_phrase"
    ((name, text),) = inner.items()
    value: Any = document
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    # Analysed text matches a phrase inside it; a keyword would have to be equal.
    return isinstance(value, str) and text in value
