"""Protobuf bodies, one record at a time.

A message of many empty records unpacks to ninety times its size. So the frame around the records
is walked here, and the messages of `opentelemetry-proto` read each record by itself: memory stays
near that of the body, and one record that is broken does not take its batch along.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analysis.ingest.otlp.bodies import MAX_RECORDS, TooLarge, Unreadable, too_many_records
from analysis.ingest.otlp.records import Attributes, RawLine, RawSpan, Rejected

_MAX_RECORD = 256 * 1024
_BROKEN = "the body is not a protobuf message, or it is cut off"
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
# Requests of both signals have the same frame: resources, in each a resource and scopes, in each
# scope the records.
_RESOURCES, _RESOURCE, _SCOPES, _RECORDS = 1, 1, 2, 2

Frame = memoryview
Raw = TypeVar("Raw", RawSpan, RawLine)


def spans(body: bytes) -> Iterator[RawSpan | Rejected]:
    """The spans of an ExportTraceServiceRequest. Raises `Unreadable` and `TooLarge`."""
    return _records(body, _span)


def lines(body: bytes) -> Iterator[RawLine | Rejected]:
    """The records of an ExportLogsServiceRequest. Raises `Unreadable` and `TooLarge`."""
    return _records(body, _line)


def _records(body: bytes, read: Callable[[bytes, Attributes], Raw]) -> Iterator[Raw | Rejected]:
    count = 0
    for holder in _parts(memoryview(body), _RESOURCES):
        described = b"".join(_parts(holder, _RESOURCE))  # joined is merged, says the encoding
        resource = _attributes(_parsed(Resource(), described, "resource").attributes)
        for scope in _parts(holder, _SCOPES):
            for record in _parts(scope, _RECORDS):
                count += 1
                if count > MAX_RECORDS:
                    raise TooLarge(too_many_records())
                yield _one(record, resource, read)


def _one(
    record: Frame, resource: Attributes, read: Callable[[bytes, Attributes], Raw]
) -> Raw | Rejected:
    if len(record) > _MAX_RECORD:
        return Rejected(f"a record is larger than {_MAX_RECORD // 1024} KiB")
    try:
        return read(bytes(record), resource)
    except Unreadable as error:
        return Rejected(str(error))


def _span(payload: bytes, resource: Attributes) -> RawSpan:
    span = _parsed(Span(), payload, "a span")
    return RawSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=span.status.code,
        attributes=_attributes(span.attributes),
        resource=resource,
    )


def _line(payload: bytes, resource: Attributes) -> RawLine:
    record = _parsed(LogRecord(), payload, "a log record")
    return RawLine(
        at_ns=record.time_unix_nano,
        observed_ns=record.observed_time_unix_nano,
        severity=record.severity_number,
        severity_text=record.severity_text,
        body=_plain(record.body),
        trace_id=record.trace_id.hex(),
        attributes=_attributes(record.attributes),
        resource=resource,
    )


Parsed = TypeVar("Parsed", bound=Message)


def _parsed(message: Parsed, payload: bytes, what: str) -> Parsed:
    if len(payload) > _MAX_RECORD:
        msg = f"{what} is larger than {_MAX_RECORD // 1024} KiB"
        raise Unreadable(msg)
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        msg = f"{what} is not the protobuf message of OTLP"
        raise Unreadable(msg) from error
    return message


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> object:
    """The value as plain data; bytes in base64, as in the JSON encoding."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return dict(_attributes(value.kvlist_value.values))
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None


def _parts(frame: Frame, wanted: int) -> Iterator[Frame]:
    """The payloads of one delimited field, in order. Raises `Unreadable` on a broken frame."""
    at, end = 0, len(frame)
    while at < end:
        tag, at = _varint(frame, at)
        field, wire = tag >> 3, tag & 7
        size = {_FIXED64: 8, _FIXED32: 4, _VARINT: 0}.get(wire)
        if wire in {_VARINT, _DELIMITED}:
            number, at = _varint(frame, at)
            size = number if wire == _DELIMITED else 0
        if size is None or field == 0 or at + size > end:
            raise Unreadable(_BROKEN)
        if field == wanted and wire == _DELIMITED:
            yield frame[at : at + size]
        at += size


def _varint(frame: Frame, at: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte, lowest first; and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(frame):
            break
        byte = frame[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise Unreadable(_BROKEN)
