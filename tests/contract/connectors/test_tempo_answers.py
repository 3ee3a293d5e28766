"""What becomes of Tempo's traces, and what may not become of its ids."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.tempo import Tempo
from analysis.types import Span
from tests.contract.connectors.fakes_tempo import FakeTempo, otlp

AT = 1_769_860_800.0
SPAN = Span("00" + "a1" * 15, "b2" * 8, "", 'pay"ments', "GET /", "server", AT, 0.5, is_error=False)


@pytest.fixture
def tempo(httpserver: HTTPServer) -> FakeTempo:
    fake = FakeTempo([SPAN])
    httpserver.expect_request("/api/search").respond_with_handler(fake.search)
    httpserver.expect_request(f"/api/traces/{SPAN.trace_id.lstrip('0')}").respond_with_handler(
        fake.trace
    )
    return fake


def read(server: HTTPServer, service: str = SPAN.service, limit: int = 10) -> list[Span]:
    return Tempo(server.url_for("")).spans(service, start=AT - 1, end=AT + 1, limit=limit)


def test_a_name_cannot_leave_its_string(httpserver: HTTPServer, tempo: FakeTempo) -> None:
    (span,) = read(httpserver)
    assert span == SPAN
    assert tempo.queries == [r'{resource.service.name="pay\"ments"}']


def test_a_trace_that_went_away_is_left_out(httpserver: HTTPServer, tempo: FakeTempo) -> None:
    other = replace(SPAN, trace_id="c3" * 16)
    tempo.spans.append(other)
    httpserver.expect_request(f"/api/traces/{other.trace_id}").respond_with_handler(tempo.trace)
    tempo.lost.add(SPAN.trace_id)
    assert read(httpserver) == [other]
    tempo.lost.add(other.trace_id)
    with pytest.raises(ConnectorError, match="held none") as caught:
        read(httpserver)
    assert caught.value.kind is Problem.UNAVAILABLE


@pytest.mark.parametrize("trace_id", ["../admin", "a/b", "?x", "", "é", "a" * 33, 5, None])
def test_an_id_cannot_become_another_path(httpserver: HTTPServer, trace_id: Any) -> None:
    traces = {"traces": [{"traceID": trace_id}]}
    httpserver.expect_request("/api/search").respond_with_json(traces)
    httpserver.expect_request("/api/traces/5").respond_with_json({"batches": []})
    httpserver.expect_request("/api/traces/None").respond_with_json({"batches": []})
    with pytest.raises(ConnectorError):
        read(httpserver)
    assert not any("admin" in request.path for request, _ in httpserver.log)


def answer_of(server: HTTPServer, **fields: Any) -> Span:
    trace = otlp([SPAN])
    trace["batches"][0]["scopeSpans"][0]["spans"][0].update(fields)
    server.expect_request("/api/search").respond_with_json({"traces": [{"traceID": "1"}]})
    server.expect_request("/api/traces/1").respond_with_json(trace)
    (span,) = read(server)
    return span


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": 3}, {"kind": "client"}),
        ({"kind": "SPAN_KIND_CONSUMER"}, {"kind": "internal"}),
        ({"status": {"code": 2}}, {"is_error": True}),
        ({"status": {"code": "STATUS_CODE_OK"}}, {"is_error": False}),
        ({"spanId": "00f067aa0ba902b7"}, {"span_id": "00f067aa0ba902b7"}),
        ({"endTimeUnixNano": "1"}, {"duration_s": 0.0}),
        (
            {"attributes": [{"key": "http.response.status_code", "value": {"intValue": "503"}}]},
            {"is_error": True},
        ),
        (
            {"attributes": [{"key": "server.address", "value": {"stringValue": "db"}}]},
            {"peer": "db"},
        ),
    ],
)
def test_fields_of_a_span(
    httpserver: HTTPServer, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert answer_of(httpserver, **fields) == replace(SPAN, **expected)


@pytest.mark.parametrize(
    "fields",
    [
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": None},
        {"endTimeUnixNano": "NaN"},
        {"attributes": 5},
        {"attributes": [5]},
        {"attributes": [{"key": "a", "value": 5}]},
        {"status": "bad"},
    ],
)
def test_a_malformed_span_is_refused(httpserver: HTTPServer, fields: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        answer_of(httpserver, **fields)
    assert caught.value.kind is Problem.MALFORMED


def test_a_clock_that_is_years_off_is_not_believed(httpserver: HTTPServer) -> None:
    trace = otlp([SPAN, replace(SPAN, span_id="d4" * 8, start=AT + 9e8)])
    httpserver.expect_request("/api/search").respond_with_json({"traces": [{"traceID": "1"}]})
    httpserver.expect_request("/api/traces/1").respond_with_json(trace)
    assert read(httpserver) == [SPAN]
