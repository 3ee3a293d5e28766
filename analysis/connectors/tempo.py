"""Grafana Tempo: a TraceQL search for trace ids, then each trace whole, as OTLP JSON."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from airra.lib import clock
from airra.lib.http import HttpClient, HttpError
from analysis.connectors.base import (
    ConnectorError,
    Problem,
    Source,
    as_list,
    as_number,
    as_object,
    malformed,
    plain,
    refuse_too_many,
)
from analysis.connectors.spantags import has_failed, kind_of, near, peer_of
from analysis.types import Span

_MAX_SPANS = 50_000
_SERVICE_NAMES = "/api/v2/search/tag/resource.service.name/values"


class Tempo(Source):
    title = "Tempo"

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        return f"Tempo answers: {len(self.services())} services in the last hour"

    def services(self) -> list[str]:
        end = int(clock.now().timestamp())
        with self._reading() as http:
            params = {"start": end - 3600, "end": end}
            body = as_object(http.get_json(_SERVICE_NAMES, params=params), "the answer")
        values = as_list(body.get("tagValues") or [], "tagValues")
        return sorted({plain(as_object(v, "a tag value").get("value")) for v in values})

    def spans(self, service: str, *, start: float, end: float, limit: int = 200) -> list[Span]:
        """Every span of up to `limit` traces that pass through `service` in [start, end].

        One request a trace, all within one deadline: when time runs out the read fails, for half
        of the traces would be those that are quickest to fetch.
        """
        found: list[Span] = []
        with self._reading() as http:
            ids = self._search(http, service, start, end, limit)
            for trace_id in ids:
                found.extend(_spans_of(_trace(http, trace_id)))
                refuse_too_many("spans", len(found), _MAX_SPANS, "fewer traces, a shorter range")
        if ids and not found:
            msg = f"Tempo at {self.url} found {len(ids)} traces and then held none of them"
            raise ConnectorError(Problem.UNAVAILABLE, msg)
        return list(near(found, start=start, end=end))

    def _search(
        self, http: HttpClient, service: str, start: float, end: float, limit: int
    ) -> list[str]:
        params: dict[str, str | int] = {
            # JSON's quoting is TraceQL's: a name cannot leave its string.
            "q": f"{{resource.service.name={json.dumps(service, ensure_ascii=False)}}}",
            "start": int(start),
            "end": int(end) + 1,
            "limit": limit,
        }
        body = as_object(http.get_json("/api/search", params=params), "the answer")
        traces = as_list(body.get("traces") or [], "traces")
        ids = [str(as_object(trace, "a trace").get("traceID", "")) for trace in traces[:limit]]
        for trace_id in ids:
            # It becomes part of a path.
            if not (trace_id.isascii() and trace_id.isalnum() and len(trace_id) <= 32):
                malformed("traceID", "up to 32 hexadecimal digits", trace_id)
        return ids


def _trace(http: HttpClient, trace_id: str) -> Mapping[str, Any]:
    """The trace, or nothing when it went away after the search found it."""
    try:
        return as_object(http.get_json(f"/api/traces/{trace_id}"), "the answer")
    except HttpError as error:
        if error.status == 404:
            return {}
        raise


def _spans_of(trace: Mapping[str, Any]) -> Iterator[Span]:
    for item in as_list(trace.get("batches") or [], "batches"):
        group = as_object(item, "a batch")
        resource = _attributes(as_object(group.get("resource") or {}, "resource"))
        service = plain(resource.get("service.name"))
        scopes = as_list(group.get("scopeSpans") or [], "scopeSpans")
        spans = (as_list(as_object(s, "scopeSpans").get("spans") or [], "spans") for s in scopes)
        for raw in chain.from_iterable(spans):
            yield _span(as_object(raw, "a span"), service)


def _span(raw: Mapping[str, Any], service: str) -> Span:
    tags = _attributes(raw)
    status = as_object(raw.get("status") or {}, "status").get("code")
    start = as_number(raw.get("startTimeUnixNano"), "startTimeUnixNano") / 1e9
    end = as_number(raw.get("endTimeUnixNano"), "endTimeUnixNano") / 1e9
    return Span(
        trace_id=_id(raw.get("traceId")),
        span_id=_id(raw.get("spanId")),
        parent_id=_id(raw.get("parentSpanId")),
        service=service,
        operation=plain(raw.get("name")),
        kind=_kind(raw.get("kind")),
        start=start,
        duration_s=max(end - start, 0.0),
        is_error=status in {"STATUS_CODE_ERROR", 2} or has_failed(tags),
        peer=peer_of(tags),
    )


def _kind(value: Any) -> str:
    """The name, or the number that OTLP gives it."""
    numbered = {2: "server", 3: "client"}
    return kind_of(numbered.get(value, "") or str(value).removeprefix("SPAN_KIND_"))


def _attributes(holder: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in as_list(holder.get("attributes") or [], "attributes"):
        attribute = as_object(item, "an attribute")
        value = as_object(attribute.get("value") or {}, "an attribute's value")
        found[str(attribute.get("key"))] = next(iter(value.values()), None)
    return found


def _id(value: Any) -> str:
    """In hex, as every other source writes ids. Protobuf's JSON, which Tempo sends, is base64."""
    text = plain(value, 64)
    if not text.endswith("="):  # as base64 of 8 and of 16 bytes does
        return text
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return text
