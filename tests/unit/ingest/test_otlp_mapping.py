"""From OTLP records to our spans and lines: both encodings say the same, and bad ones are named."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from analysis.ingest.otlp import binary, text
from analysis.ingest.otlp.bodies import Unreadable
from analysis.ingest.otlp.records import Batch, Rejected, lines_of, spans_of
from analysis.types import LogLine, Span

EXAMPLES = Path(__file__).parent / "otlp_examples"
THEN = 1_544_712_660.0  # the time of the specification's examples
ID, SPAN_ID = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
GOOD: dict[str, Any] = {
    "traceId": ID,
    "spanId": SPAN_ID,
    "name": "GET /",
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": "1544712661000000000",
}


def _pairs(found: dict[str, AnyValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in found.items()]


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
nanoseconds = st.integers(0, 2**64 - 1)
plain_values = st.one_of(
    names.map(lambda v: AnyValue(string_value=v)),
    st.booleans().map(lambda v: AnyValue(bool_value=v)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: AnyValue(int_value=v)),
    st.floats(allow_nan=False).map(lambda v: AnyValue(double_value=v)),
    st.binary(max_size=8).map(lambda v: AnyValue(bytes_value=v)),
    st.just(AnyValue()),
)
values = st.recursive(
    plain_values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: AnyValue(array_value=ArrayValue(values=v))),
        st.dictionaries(names, inner, max_size=3).map(
            lambda v: AnyValue(kvlist_value=KeyValueList(values=_pairs(v)))
        ),
    ),
    max_leaves=6,
)
attributes = st.dictionaries(names, values, max_size=3).map(_pairs)
spans = st.builds(
    OtlpSpan,
    trace_id=st.binary(max_size=16),
    span_id=st.binary(max_size=8),
    parent_span_id=st.binary(max_size=8),
    name=names,
    kind=st.integers(0, 9),
    start_time_unix_nano=nanoseconds,
    end_time_unix_nano=nanoseconds,
    status=st.builds(Status, code=st.integers(0, 2)),
    attributes=attributes,
)
records = st.builds(
    LogRecord,
    time_unix_nano=nanoseconds,
    observed_time_unix_nano=nanoseconds,
    severity_number=st.integers(0, 24),
    severity_text=names,
    body=values,
    trace_id=st.binary(max_size=16),
    attributes=attributes,
)


def _as_otlp_json(message: Any) -> bytes:
    """Protobuf's own JSON with what OTLP has otherwise: ids in hex, enumerations as numbers."""

    def mended(value: Any) -> Any:
        if isinstance(value, list):
            return [mended(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: base64.b64decode(item).hex().upper()
            if key in {"traceId", "spanId", "parentSpanId"}
            else mended(item)
            for key, item in value.items()
        }

    return json.dumps(mended(MessageToDict(message, use_integers_for_enums=True))).encode()


@given(st.lists(spans, max_size=4), attributes)
def test_spans_are_the_same_in_both_encodings(found: list[OtlpSpan], about: Any) -> None:
    request = ExportTraceServiceRequest()
    holder = request.resource_spans.add()
    holder.resource.attributes.extend(about)
    holder.scope_spans.add().spans.extend(found)
    read = list(binary.spans(request.SerializeToString()))
    again = [_lower(span) for span in text.spans(_as_otlp_json(request))]
    assert again == read
    assert len(read) == len(found)


@given(st.lists(records, max_size=4), attributes)
def test_lines_are_the_same_in_both_encodings(found: list[LogRecord], about: Any) -> None:
    request = ExportLogsServiceRequest()
    holder = request.resource_logs.add()
    holder.resource.attributes.extend(about)
    holder.scope_logs.add().log_records.extend(found)
    read = list(binary.lines(request.SerializeToString()))
    assert [_lower(line) for line in text.lines(_as_otlp_json(request))] == read
    assert len(read) == len(found)


def _lower(raw: Any) -> Any:
    """Ids may be in either case; only a kept record has them in one."""
    fields = {key: getattr(raw, key) for key in raw.__dataclass_fields__}
    ids = {key: fields[key].lower() for key in fields if key.endswith("_id")}
    return type(raw)(**{**fields, **ids})


@given(st.lists(spans, max_size=4))
def test_what_is_kept_can_be_stored(found: list[OtlpSpan]) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(found)
    batch = spans_of(binary.spans(request.SerializeToString()), now=THEN, oldest=0.0)
    assert len(batch.kept) + batch.rejected == len(found)
    assert bool(batch.why) == bool(batch.rejected)
    for span in batch.kept:
        assert (len(span.trace_id), len(span.span_id)) == (32, 16)
        assert 0 <= span.duration_s < math.inf
        assert "\0" not in span.operation + span.service + span.peer


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([*GOOD, "attributes", "key", "value", "kvlistValue", "arrayValue"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([*GOOD, "kind", "status", "attributes", "body"]))
def test_any_type_in_a_field_is_read_or_refused_by_itself(value: Any, field: str) -> None:
    wrong = {**GOOD, field: value}
    batch = _spans(wrong, GOOD)
    assert len(batch.kept) + batch.rejected == 2
    assert batch.kept


def _spans(*found: Any, resource: Any = None) -> Batch[Span]:
    holder = {"resource": resource or {}, "scopeSpans": [{"spans": list(found)}]}
    body = json.dumps({"resourceSpans": [holder]}).encode()
    return spans_of(text.spans(body), now=THEN + 60, oldest=THEN - 60)


def _line(record: dict[str, Any], resource: Any = None) -> LogLine:
    holder = {"resource": resource or {}, "scopeLogs": [{"logRecords": [record]}]}
    body = json.dumps({"resourceLogs": [holder]}).encode()
    (line,) = lines_of(text.lines(body), now=THEN + 60, oldest=THEN - 60).kept
    return line


def test_the_span_of_the_specification_is_read() -> None:
    body = (EXAMPLES / "trace.json").read_bytes()
    assert spans_of(text.spans(body), now=THEN + 60, oldest=THEN).kept == [
        Span(
            trace_id=ID,
            span_id=SPAN_ID,
            parent_id="eee19b7ec3c1b173",
            service="my.service",
            operation="I'm a server span",
            kind="server",
            start=THEN,
            duration_s=1.0,
            is_error=False,
        )
    ]


def test_the_log_record_of_the_specification_is_read() -> None:
    body = (EXAMPLES / "logs.json").read_bytes()
    assert lines_of(text.lines(body), now=THEN + 60, oldest=THEN).kept == [
        LogLine(
            at=THEN + 0.3,
            service="my.service",
            instance="",
            level="information",
            message="Example log record",
            trace_id=ID,
        )
    ]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("traceId", "W47/95gDgQPSabYzgT/GDA==", "traceId should be 16 bytes, 32 hex digits"),
        ("traceId", "0" * 32, "not all zero"),
        ("traceId", None, "traceId should be 16 bytes"),
        ("spanId", "abc", "spanId should be 8 bytes"),
        ("parentSpanId", "xyz", "parentSpanId should be 8 bytes"),
        ("startTimeUnixNano", "soon", "startTimeUnixNano should be a whole number of 64 bits"),
        ("startTimeUnixNano", 1.5, "a whole number"),
        ("startTimeUnixNano", True, "not true or false"),
        ("startTimeUnixNano", "0", "older than what is kept"),
        ("endTimeUnixNano", "1544712659000000000", "before startTimeUnixNano"),
        ("name", 5, "name should be text, not another number"),
        ("status", [], "status should be an object, not a list"),
        ("attributes", {}, "attributes should be a list, not an object"),
    ],
)
def test_what_is_wrong_with_a_span_is_said(field: str, value: Any, why: str) -> None:
    batch = _spans({**GOOD, field: value}, GOOD)
    assert (len(batch.kept), batch.rejected) == (1, 1)
    assert why in batch.why


def test_a_span_from_tomorrow_is_refused() -> None:
    late = {"startTimeUnixNano": "1544799060000000000", "endTimeUnixNano": "1544799060000000000"}
    assert "ahead of the clock" in _spans({**GOOD, **late}).why


def test_reasons_are_counted_and_not_repeated() -> None:
    batch = _spans(*[{**GOOD, "spanId": ""}] * 7, {**GOOD, "traceId": ""})
    assert batch.rejected == 8
    assert "(7 times)" in batch.why
    assert batch.why.count("spanId") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [[]]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Unreadable):
        list(text.spans(body))


def test_unknown_names_are_passed_over_and_snake_case_is_unknown() -> None:
    assert _spans({**GOOD, "newField": {"a": 1}}).kept
    assert "traceId should be" in _spans({**GOOD, "traceId": None, "trace_id": ID}).why


def test_values_nested_too_deep_are_refused_by_themselves() -> None:
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(50):
        deep = {"arrayValue": {"values": [deep]}}
    assert "nested" in _spans(_with(key="a", **deep), GOOD).why


def _with(**value: Any) -> dict[str, Any]:
    """A good span with one attribute: its name stands before the value, as `key`."""
    key = value.pop("key")
    return {**GOOD, "attributes": [{"key": key, "value": value}]}


def test_errors_and_peers_are_read_from_status_and_attributes() -> None:
    batch = _spans(
        {**_with(key="peer.service", stringValue="payments"), "kind": 3, "status": {"code": 2}},
        {**_with(key="http.response.status_code", intValue="503"), "kind": 2},
        {**_with(key="http.response.status_code", intValue="404"), "kind": 5},
    )
    assert [(span.is_error, span.peer, span.kind) for span in batch.kept] == [
        (True, "payments", "client"),
        (True, "", "server"),
        (False, "", "internal"),
    ]


def test_a_span_without_a_service_has_the_name_the_specification_gives() -> None:
    assert _spans(GOOD).kept[0].service == "unknown_service"


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (1, "trace"),
        (5, "debug"),
        (9, "info"),
        (13, "warning"),
        (17, "error"),
        (21, "critical"),
        (24, "critical"),
    ],
)
def test_severity_numbers_have_names(number: int, level: str) -> None:
    assert _line({"severityNumber": number, "severityText": "Whatever"}).level == level


@pytest.mark.parametrize(
    "body",
    [
        {"stringValue": '{"msg": "out of memory", "level": "ERROR"}'},
        {
            "kvlistValue": {
                "values": [
                    {"key": "msg", "value": {"stringValue": "out of memory"}},
                    {"key": "level", "value": {"stringValue": "error"}},
                ]
            }
        },
    ],
    ids=["json in text", "fields"],
)
def test_a_structured_body_gives_its_message_and_level(body: Any) -> None:
    line = _line({"body": body})
    assert (line.message, line.level) == ("out of memory", "error")


def test_a_line_without_a_time_is_from_when_it_was_observed_or_now() -> None:
    assert _line({"observedTimeUnixNano": "1544712661000000000"}).at == THEN + 1
    assert _line({}).at == THEN + 60


def test_texts_are_cut_and_cleaned() -> None:
    line = _line({"body": {"stringValue": "a\0b" + "\ud800" + "x" * 5000}})
    assert line.message.startswith("ab?xx")
    assert len(line.message) <= 2000


def test_a_rejection_is_no_record() -> None:
    assert spans_of([Rejected("why")], now=THEN, oldest=0.0) == Batch([], 1, "why (1 times)")
