"""Bodies of OTLP requests: inflated within a cap, framed without being unpacked."""

import gzip
import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from analysis.ingest.otlp import binary, text
from analysis.ingest.otlp.bodies import MAX_RECORDS, TooLarge, Unreadable, inflated
from analysis.ingest.otlp.records import RawSpan, Rejected

MIB = 1024 * 1024


@given(st.binary(max_size=300_000))
def test_what_was_packed_comes_out(body: bytes) -> None:
    assert inflated(gzip.compress(body)) == body


def test_members_follow_each_other() -> None:
    assert inflated(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_a_body_of_exactly_the_cap_is_taken() -> None:
    assert len(inflated(gzip.compress(bytes(1000)), limit=1000)) == 1000
    with pytest.raises(TooLarge):
        inflated(gzip.compress(bytes(1001)), limit=1000)


def test_a_bomb_is_refused_while_it_is_inflated() -> None:
    bomb = gzip.compress(bytes(400 * MIB), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(TooLarge, match="more than 8 MiB"):
        inflated(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * MIB


def test_a_bomb_of_many_members_is_one_too() -> None:
    with pytest.raises(TooLarge):
        inflated(gzip.compress(bytes(MIB)) * 9)


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"whole" * 99, mtime=0)[:-9], b"\x1f\x8b"]
)
def test_what_is_not_gzip_is_said_so(body: bytes) -> None:
    with pytest.raises(Unreadable, match="gzip"):
        inflated(body)


def _frame(*, spans: bytes) -> bytes:
    def part(tag: int, payload: bytes) -> bytes:
        size, left = bytearray(), len(payload)
        while left >= 0x80:
            size.append(left & 0x7F | 0x80)
            left >>= 7
        return bytes([tag, *size, left]) + payload

    return part(0x0A, part(0x12, spans))


def test_many_empty_records_are_counted_before_they_are_unpacked() -> None:
    body = _frame(spans=b"\x12\x00" * 2 * MIB)
    with pytest.raises(TooLarge, match="20,000 records"):
        list(binary.spans(body))
    scope: dict[str, object] = {"spans": [{}] * (MAX_RECORDS + 1)}
    as_json = json.dumps({"resourceSpans": [{"scopeSpans": [scope]}]}).encode()
    with pytest.raises(TooLarge, match="20,000 records"):
        list(text.spans(as_json))


def test_a_broken_record_does_not_take_its_batch_along() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(name="first")
    spans.add(name="last")
    whole = request.resource_spans[0].scope_spans[0].SerializeToString()
    found = list(binary.spans(_frame(spans=whole + b"\x12\x03\x0a\x7fx")))
    assert [span.name for span in found if isinstance(span, RawSpan)] == ["first", "last"]
    assert [str(span) for span in found if isinstance(span, Rejected)] == [
        "a span is not the protobuf message of OTLP"
    ]


def test_a_huge_record_is_refused_by_itself() -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="x" * 300_000)
    (only,) = binary.spans(request.SerializeToString())
    assert str(only) == "a record is larger than 256 KiB"


def test_a_body_cut_off_is_not_read() -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="whole")
    body = request.SerializeToString()
    for end in range(1, len(body)):
        with pytest.raises(Unreadable, match="cut off"):
            list(binary.spans(body[:end]))


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    for read in (binary.spans, binary.lines, text.spans, text.lines):
        with suppress(Unreadable, TooLarge):
            list(read(body))


@given(st.binary(max_size=100))
def test_a_frame_of_any_bytes_is_read_or_refused(payload: bytes) -> None:
    with suppress(Unreadable):
        list(binary.spans(_frame(spans=payload)))
