"""What both encodings are read into, and what makes a record one that we keep."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from analysis.types import LogLine, Span

AHEAD_S = 3600.0  # a clock may be wrong; a record from tomorrow would outlive every other

_MAX_NAME = 200
_MAX_MESSAGE = 2000
_MAX_REASONS = 5
_KINDS = {2: "server", 3: "client"}
_ERROR = 2
# Who was called, in the order of how plainly the attribute says so.
_PEERS = ("peer.service", "server.address", "net.peer.name", "db.system.name", "db.system")
_STATUS = ("http.response.status_code", "http.status_code")
_INSTANCES = ("service.instance.id", "k8s.pod.name", "host.name")
_MESSAGES = ("message", "msg", "event", "log")
_LEVELS = ("level", "severity")
_LEVEL_NAMES = ("trace", "debug", "info", "warning", "error", "critical")  # four numbers each
_NAMELESS = "unknown_service"  # the name the specification gives it

Attributes = Mapping[str, object]
Record = TypeVar("Record", Span, LogLine)


class Rejected(Exception):
    """One record cannot be kept; the others of its batch can."""


@dataclass(frozen=True)
class RawSpan:
    trace_id: str  # hex, as all ids here
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True)
class RawLine:
    at_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: object  # a plain value: text, number, list or mapping
    trace_id: str
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True)
class Batch(Generic[Record]):
    """The records of a request that are kept, and how many are not and why."""

    kept: list[Record]
    rejected: int = 0
    why: str = ""


def spans_of(found: Iterable[RawSpan | Rejected], *, now: float, oldest: float) -> Batch[Span]:
    """The spans that can be kept: with ids, and begun in [oldest, now + an hour] (Unix seconds)."""
    kept, reasons = [], Counter[str]()
    for raw in found:
        try:
            kept.append(_span(_unless_rejected(raw), now=now, oldest=oldest))
        except Rejected as reason:
            reasons[str(reason)] += 1
    return Batch(kept, reasons.total(), _told(reasons))


def lines_of(found: Iterable[RawLine | Rejected], *, now: float, oldest: float) -> Batch[LogLine]:
    """The lines that can be kept. One without a time is from when it was observed, else now."""
    kept, reasons = [], Counter[str]()
    for raw in found:
        try:
            kept.append(_line(_unless_rejected(raw), now=now, oldest=oldest))
        except Rejected as reason:
            reasons[str(reason)] += 1
    return Batch(kept, reasons.total(), _told(reasons))


Raw = TypeVar("Raw", RawSpan, RawLine)


def _unless_rejected(raw: Raw | Rejected) -> Raw:
    if isinstance(raw, Rejected):
        raise raw
    return raw


def _told(reasons: Counter[str]) -> str:
    """The reasons, the most frequent first: `endTimeUnixNano is before … (3 times)`."""
    told = [f"{reason} ({count} times)" for reason, count in reasons.most_common(_MAX_REASONS)]
    more = len(reasons) - len(told)
    return "; ".join(told) + (f"; and {more} other reasons" if more else "")


def _span(raw: RawSpan, *, now: float, oldest: float) -> Span:
    trace_id, span_id = _id(raw.trace_id, 16, "traceId"), _id(raw.span_id, 8, "spanId")
    if raw.end_ns < raw.start_ns:
        msg = "endTimeUnixNano is before startTimeUnixNano"
        raise Rejected(msg)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_id(raw.parent_id, 8, "parentSpanId") if raw.parent_id else "",
        service=_service(raw.resource),
        operation=clean(raw.name),
        kind=_KINDS.get(raw.kind, "internal"),
        start=_time(raw.start_ns, "startTimeUnixNano", now=now, oldest=oldest),
        duration_s=(raw.end_ns - raw.start_ns) / 1e9,
        is_error=raw.status == _ERROR or _first(_STATUS, raw.attributes).startswith("5"),
        peer=clean(_first(_PEERS, raw.attributes)),
    )


def _line(raw: RawLine, *, now: float, oldest: float) -> LogLine:
    stamp = raw.at_ns or raw.observed_ns
    at = _time(stamp, "timeUnixNano", now=now, oldest=oldest) if stamp else now
    fields = _fields(raw.body)
    return LogLine(
        at=at,
        service=_service(raw.resource),
        instance=clean(_first(_INSTANCES, raw.resource, raw.attributes)),
        level=_level(raw, fields),
        message=clean(_first(_MESSAGES, fields) or _text(raw.body), _MAX_MESSAGE),
        trace_id=_id(raw.trace_id, 16, "traceId") if raw.trace_id else "",
    )


def _id(text: str, size: int, name: str) -> str:
    """`size` bytes in hex, in lower case, not all of them zero."""
    lower = text.lower()
    is_hex = len(lower) == 2 * size and not set(lower) - set("0123456789abcdef")
    if not is_hex or not lower.strip("0"):
        msg = f"{name} should be {size} bytes, {2 * size} hex digits, not all zero"
        raise Rejected(msg)
    return lower


def _time(nanoseconds: int, name: str, *, now: float, oldest: float) -> float:
    at = nanoseconds / 1e9
    if at < oldest:
        msg = f"{name} is older than what is kept, {(now - oldest) / 3600:g} h"
        raise Rejected(msg)
    if at > now + AHEAD_S:
        msg = f"{name} is more than an hour ahead of the clock here"
        raise Rejected(msg)
    return at


def _service(resource: Attributes) -> str:
    return clean(_first(("service.name",), resource)) or _NAMELESS


def _level(raw: RawLine, fields: Attributes) -> str:
    if 1 <= raw.severity <= 4 * len(_LEVEL_NAMES):
        return _LEVEL_NAMES[(raw.severity - 1) // 4]
    return clean(raw.severity_text or _first(_LEVELS, fields, raw.attributes), 20).lower()


def _fields(body: object) -> Attributes:
    """The fields of a structured body, also of one that is JSON in a string."""
    if isinstance(body, str) and body.startswith("{"):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return {}
    return body if isinstance(body, dict) else {}


def _first(names: tuple[str, ...], *places: Attributes) -> str:
    """The first of `names` that is there and not empty, as text; places are asked in order."""
    found = (_text(place.get(name)) for place in places for name in names)
    return next(filter(None, found), "")


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def clean(text: str, limit: int = _MAX_NAME) -> str:
    """As a database can hold it: no NUL, no half of a surrogate pair, no longer than `limit`."""
    return text[:limit].replace("\0", "").encode("utf-8", "replace").decode()
