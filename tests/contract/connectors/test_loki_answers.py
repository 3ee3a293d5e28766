"""Answers recorded from a real Loki, and the shapes a log line comes in."""

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.loki import Loki

# The `data` of a real server's query_range, statistics left out.
RECORDED = [
    {
        "stream": {
            "detected_level": "error",
            "level": "error",
            "service": "checkout",
            "service_name": "checkout",
            "trace_id": "abc",
        },
        "values": [["1795405363182005741", "timeout calling db"]],
    },
    {
        "stream": {
            "detected_level": "error",
            "level": "error",
            "service": "checkout",
            "service_name": "checkout",
        },
        "values": [["1795405363182005742", "timeout calling cache"]],
    },
]


def loki_with(server: HTTPServer, streams: list[dict[str, Any]], *labels: str) -> Loki:
    known = {"status": "success", "data": list(labels)} if labels else {"status": "success"}
    server.expect_request("/loki/api/v1/labels").respond_with_json(known)
    data = {"resultType": "streams", "result": streams, "stats": {"summary": {}}}
    server.expect_request("/loki/api/v1/query_range").respond_with_json(
        {"status": "success", "data": data}
    )
    return Loki(server.url_for(""))


def test_a_recorded_answer_is_read(httpserver: HTTPServer) -> None:
    source = loki_with(httpserver, RECORDED, "level", "service", "service_name")
    first, second = source.lines(start=1795405363.0, end=1795405364.0, service="checkout")
    assert (first.service, first.level, first.trace_id) == ("checkout", "error", "abc")
    assert (first.message, second.message) == ("timeout calling db", "timeout calling cache")
    assert first.at == pytest.approx(1795405363.182005741, abs=1e-6)
    request, _ = httpserver.log[-1]
    assert request.args["query"] == '{service="checkout"}'


def test_the_label_of_services_is_the_one_that_exists(httpserver: HTTPServer) -> None:
    source = loki_with(httpserver, [], "app", "namespace")
    source.lines(start=0, end=1, service='a"} |= "x')
    request, _ = httpserver.log[-1]
    assert request.args["query"] == '{app="a\\"} |= \\"x"}'


def test_an_empty_loki_is_no_error(httpserver: HTTPServer) -> None:
    assert loki_with(httpserver, []).lines(start=0, end=1) == []


@pytest.mark.parametrize(
    ("text", "message", "level"),
    [
        ('{"msg": "hello", "severity": "WARN", "pod": "p-1"}', "hello", "warn"),
        ('{"broken": ', '{"broken": ', "info"),
        ('{"other": 1}', '{"other": 1}', "info"),
        ("plain", "plain", "info"),
    ],
)
def test_json_and_plain_lines(httpserver: HTTPServer, text: str, message: str, level: str) -> None:
    stream = {"stream": {"service": "a", "level": "info"}, "values": [["1000000000", text]]}
    (line,) = loki_with(httpserver, [stream], "service").lines(start=0, end=2)
    assert (line.message, line.level) == (message, level)


def test_a_parse_error_in_plain_text_reaches_the_operator(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/loki/api/v1/labels").respond_with_json({"data": ["service"]})
    reason = "parse error at line 1, col 10: syntax error: unexpected $end, expecting STRING\n"
    httpserver.expect_request("/loki/api/v1/query_range").respond_with_data(reason, status=400)
    with pytest.raises(ConnectorError, match="unexpected \\$end") as caught:
        Loki(httpserver.url_for("")).lines(start=0, end=1)
    assert caught.value.kind is Problem.REJECTED


def test_more_than_a_page_is_read_page_by_page(httpserver: HTTPServer) -> None:
    lines = [[str(1_000_000_000 + i), f"line {i}"] for i in range(7000)]
    source = loki_with(httpserver, [], "service")
    httpserver.clear()
    httpserver.expect_request("/loki/api/v1/labels").respond_with_json({"data": ["service"]})

    def page(request: Request) -> Response:
        end, limit = int(request.args["end"]), int(request.args["limit"])
        chosen = [value for value in lines if int(value[0]) < end][-limit:][::-1]
        data = {"resultType": "streams", "result": [{"stream": {"service": "a"}, "values": chosen}]}
        return Response(json.dumps({"data": data}), content_type="application/json")

    httpserver.expect_request("/loki/api/v1/query_range").respond_with_handler(page)
    found = source.lines(start=0, end=2, limit=6000)
    assert [line.message for line in found] == [f"line {i}" for i in range(1000, 7000)]


def streams(*values: object) -> dict[str, Any]:
    return {"resultType": "streams", "result": [{"stream": {}, "values": list(values)}]}


@pytest.mark.parametrize(
    "data",
    [
        {"resultType": "matrix", "result": []},
        {"resultType": "streams", "result": {}},
        {"resultType": "streams", "result": [7]},
        {"resultType": "streams", "result": [{"stream": [], "values": []}]},
        streams("1"),
        streams(["1"]),
        streams(["1", 5]),
        streams(["x", "line"]),
        streams(["NaN", "line"]),
        streams([True, "line"]),
        streams(["9" * 5000, "line"]),
    ],
)
def test_wrong_types_are_refused(httpserver: HTTPServer, data: object) -> None:
    httpserver.expect_request("/loki/api/v1/labels").respond_with_json({"data": ["service"]})
    httpserver.expect_request("/loki/api/v1/query_range").respond_with_json({"data": data})
    with pytest.raises(ConnectorError, match="should be") as caught:
        Loki(httpserver.url_for("")).lines(start=0, end=1)
    assert caught.value.kind is Problem.MALFORMED


def test_lines_outside_the_range_or_beyond_the_limit_are_not_believed(
    httpserver: HTTPServer,
) -> None:
    # The same page whatever was asked, of more lines than wanted, some from the future.
    values = [[str(n * 1_000_000_000), f"line {n}"] for n in (99, 3, 2, 1)]
    source = loki_with(httpserver, [{"stream": {"service": "a"}, "values": values}], "service")
    assert [line.message for line in source.lines(start=0, end=10, limit=2)] == ["line 2", "line 3"]


def test_a_page_that_never_gets_older_ends(httpserver: HTTPServer) -> None:
    values = [["99000000000", "from the future"]] * 5000
    source = loki_with(httpserver, [{"stream": {"service": "a"}, "values": values}], "service")
    assert source.lines(start=0, end=10, limit=12_000) == []
    assert len(httpserver.log) <= 4


def test_too_many_lines_are_refused(httpserver: HTTPServer) -> None:
    values = [["1000000000", "x"]] * 50_001
    source = loki_with(httpserver, [{"stream": {"service": "a"}, "values": values}], "service")
    with pytest.raises(ConnectorError, match="narrow it by a service") as caught:
        source.lines(start=0, end=2)
    assert caught.value.kind is Problem.TOO_LARGE


def test_a_number_of_nanoseconds_that_is_no_text_is_read(httpserver: HTTPServer) -> None:
    stream = {"stream": {"service": "a"}, "values": [[1e9, "float"], [1000000001, "int"]]}
    found = loki_with(httpserver, [stream], "service").lines(start=0, end=2)
    assert [line.message for line in found] == ["float", "int"]
