"""JSON bodies, read as OTLP says and not as protobuf's own mapping does.

Ids are hex, not base64; 64-bit integers may be text; enumerations are numbers; names are in
lowerCamelCase, and unknown ones are passed over. A record of wrong types is refused by itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

from analysis.ingest.otlp.bodies import MAX_RECORDS, TooLarge, Unreadable, too_many_records
from analysis.ingest.otlp.records import Attributes, RawLine, RawSpan, Rejected

_MAX_DEPTH = 20  # of values within values
_MAX_DIGITS = 20  # of a 64-bit number, with its sign

Raw = TypeVar("Raw", RawSpan, RawLine)
Object = Mapping[str, Any]


def spans(body: bytes) -> Iterator[RawSpan | Rejected]:
    """The spans of an ExportTraceServiceRequest. Raises `Unreadable` and `TooLarge`."""
    return _records(body, ("resourceSpans", "scopeSpans", "spans"), _span)


def lines(body: bytes) -> Iterator[RawLine | Rejected]:
    """The records of an ExportLogsServiceRequest. Raises `Unreadable` and `TooLarge`."""
    return _records(body, ("resourceLogs", "scopeLogs", "logRecords"), _line)


def _records(
    body: bytes, names: tuple[str, str, str], read: Callable[[Object, Attributes], Raw]
) -> Iterator[Raw | Rejected]:
    holders, scopes, records = names
    count = 0
    for holder in _objects(_document(body), holders):
        resource = _attributes(_object(holder, "resource"))
        for scope in _objects(holder, scopes):
            for record in _list(scope, records):
                count += 1
                if count > MAX_RECORDS:
                    raise TooLarge(too_many_records())
                yield _one(record, resource, read)


def _one(
    record: object, resource: Attributes, read: Callable[[Object, Attributes], Raw]
) -> Raw | Rejected:
    try:
        return read(_as_object(record, "a record"), resource)
    except Unreadable as error:
        return Rejected(str(error))


def _document(body: bytes) -> Object:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        msg = f"the body is not JSON: {error}"
        raise Unreadable(msg) from error
    return _as_object(found, "the body")


def _span(span: Object, resource: Attributes) -> RawSpan:
    return RawSpan(
        trace_id=_text(span, "traceId"),
        span_id=_text(span, "spanId"),
        parent_id=_text(span, "parentSpanId"),
        name=_text(span, "name"),
        kind=_whole(span, "kind"),
        start_ns=_whole(span, "startTimeUnixNano"),
        end_ns=_whole(span, "endTimeUnixNano"),
        status=_whole(_object(span, "status"), "code"),
        attributes=_attributes(span),
        resource=resource,
    )


def _line(record: Object, resource: Attributes) -> RawLine:
    return RawLine(
        at_ns=_whole(record, "timeUnixNano"),
        observed_ns=_whole(record, "observedTimeUnixNano"),
        severity=_whole(record, "severityNumber"),
        severity_text=_text(record, "severityText"),
        body=_plain(_object(record, "body")),
        trace_id=_text(record, "traceId"),
        attributes=_attributes(record),
        resource=resource,
    )


def _attributes(holder: Object, name: str = "attributes", depth: int = 0) -> Attributes:
    pairs = _objects(holder, name)
    return {_text(pair, "key"): _plain(_object(pair, "value"), depth) for pair in pairs}


def _plain(value: Object, depth: int = 0) -> object:
    """An AnyValue as plain data: the one member that it has; bytes stay in base64."""
    if depth > _MAX_DEPTH:
        msg = f"values are nested more than {_MAX_DEPTH} deep"
        raise Unreadable(msg)
    if "arrayValue" in value:
        items = _objects(_object(value, "arrayValue"), "values")
        return [_plain(item, depth + 1) for item in items]
    if "kvlistValue" in value:
        return dict(_attributes(_object(value, "kvlistValue"), "values", depth + 1))
    if "intValue" in value:
        return _whole(value, "intValue")
    if "doubleValue" in value:
        return _number(value, "doubleValue")
    if "boolValue" in value:
        return value["boolValue"] is True
    name = "bytesValue" if "bytesValue" in value else "stringValue"
    return _text(value, name) if name in value else None


def _objects(holder: Object, name: str) -> Iterator[Object]:
    return (_as_object(item, name) for item in _list(holder, name))


def _list(holder: Object, name: str) -> list[Any]:
    found = holder.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        _wrong(name, "a list", found)
    return found


def _object(holder: Object, name: str) -> Object:
    found = holder.get(name)
    return {} if found is None else _as_object(found, name)


def _as_object(value: object, name: str) -> Object:
    if not isinstance(value, dict):
        _wrong(name, "an object", value)
    return value


def _text(holder: Object, name: str) -> str:
    found = holder.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        _wrong(name, "text", found)
    return found


def _whole(holder: Object, name: str) -> int:
    """A whole number, also as decimal text or as 1.5e18; 0 when it is missing."""
    found = holder.get(name)
    if found is None:
        return 0
    if _is_decimal(found) or (isinstance(found, float) and found.is_integer()):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) >= 2**64:
        _wrong(name, "a whole number of 64 bits", found)
    return found


def _is_decimal(value: object) -> bool:
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return False
    return value.removeprefix("-").isdecimal()


def _number(holder: Object, name: str) -> float:
    try:
        return float(holder[name])
    except (TypeError, ValueError, OverflowError):
        _wrong(name, "a number", holder[name])


def _wrong(name: str, expected: str, got: object) -> NoReturn:
    kinds = {str: "text", bool: "true or false", list: "a list", dict: "an object"}
    kind = kinds.get(type(got), "null" if got is None else "another number")
    msg = f"{name} should be {expected}, not {kind}"
    raise Unreadable(msg)
