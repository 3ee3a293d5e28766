"""Documents as Elastic's, OpenTelemetry's and home-made loggers write them, and paging."""

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.elasticsearch import Elasticsearch
from analysis.types import LogLine
from tests.contract.connectors.fakes_elastic import FakeElasticsearch

AT = 1_769_860_800.0  # 2026-01-31T12:00:00Z
STAMP = "2026-01-31T12:00:00.123456789Z"


def fake_with(server: HTTPServer, *lines: LogLine) -> FakeElasticsearch:
    fake = FakeElasticsearch(list(lines))
    server.expect_request("/logs-shop/_search", method="POST").respond_with_handler(fake.search)
    return fake


def url_of(server: HTTPServer) -> str:
    return server.url_for("/logs-shop")


def line_of(server: HTTPServer, source: dict[str, Any]) -> LogLine:
    hit = {"_index": "i", "_id": "1", "_source": source, "fields": {"@timestamp": [STAMP]}}
    server.expect_request("/_search").respond_with_json({"hits": {"hits": [hit]}})
    (line,) = Elasticsearch(server.url_for("")).lines(start=AT - 60, end=AT + 60)
    return line


@pytest.mark.parametrize(
    "source",
    [
        {
            "message": "boom",
            "log": {"level": "ERROR"},
            "service": {"name": "payments"},
            "kubernetes": {"pod": {"name": "payments-1"}},
            "trace": {"id": "t1"},
        },
        {
            "message": "boom",
            "log.level": "error",
            "service.name": "payments",
            "host.name": "payments-1",
            "trace.id": "t1",
        },
        {
            "body": {"text": "boom"},
            "severity_text": "Error",
            "resource": {"attributes": {"service.name": "payments", "k8s.pod.name": "payments-1"}},
            "trace_id": "t1",
        },
        {
            "body": "boom",
            "severity.text": "ERROR",
            "resource.attributes.service@name": "payments",
            "instance": "payments-1",
            "traceId": "t1",
        },
        {
            "log": "boom",
            "level": "error",
            "kubernetes": {"labels": {"app": "payments"}, "pod_name": "payments-1"},
            "traceID": "t1",
        },
        {
            "msg": ["boom"],
            "level": ["error"],
            "service": ["payments"],
            "hostname": "payments-1",
            "trace_id": "t1",
        },
    ],
    ids=["ecs", "ecs dotted", "otel", "opensearch", "fluent bit", "wrapped"],
)
def test_documents_of_every_usual_shape(httpserver: HTTPServer, source: dict[str, Any]) -> None:
    line = line_of(httpserver, source)
    assert (line.service, line.level, line.message) == ("payments", "error", "boom")
    assert (line.instance, line.trace_id) == ("payments-1", "t1")
    assert line.at == pytest.approx(AT + 0.123456)


def test_text_no_database_takes_is_mended(httpserver: HTTPServer) -> None:
    line = line_of(httpserver, {"message": "a\0b\ud800c" + "x" * 5000, "service": "a"})
    assert line.message.startswith("ab?c")
    assert len(line.message) <= 2000
    assert line.message.encode()


def test_the_pattern_of_indices_is_the_end_of_the_url(httpserver: HTTPServer) -> None:
    fake_with(httpserver)
    Elasticsearch(url_of(httpserver)).lines(start=AT, end=AT + 1)
    request, _ = httpserver.log[-1]
    assert request.path == "/logs-shop/_search"
    assert request.args["allow_partial_search_results"] == "false"


def test_only_lines_of_the_very_service_are_kept(httpserver: HTTPServer) -> None:
    fake_with(
        httpserver,
        LogLine(AT, "payments", "", "info", "mine"),
        LogLine(AT, "payments gateway", "", "info", "another's"),
    )
    found = Elasticsearch(url_of(httpserver)).lines(start=AT, end=AT + 1, service="payments")
    assert [line.message for line in found] == ["mine"]


def test_more_than_a_page_is_read_back_in_time(httpserver: HTTPServer) -> None:
    # Ten lines a millisecond: pages end inside one, and none is lost or doubled.
    lines = [LogLine(AT + (i // 10) / 1000, "a", "", "info", f"line {i}") for i in range(500)]
    fake = fake_with(httpserver, *lines)
    source = Elasticsearch(url_of(httpserver))
    source.page_size = 105
    found = source.lines(start=AT, end=AT + 60, limit=400)
    assert {line.message for line in found} == {f"line {i}" for i in range(100, 500)}
    assert len(found) == 400
    assert [request["size"] for request in fake.requests] == [105] * len(fake.requests)


def test_a_page_of_one_moment_does_not_go_on_for_ever(httpserver: HTTPServer) -> None:
    fake = fake_with(httpserver, *(LogLine(AT, "a", "", "info", f"line {i}") for i in range(60)))
    source = Elasticsearch(url_of(httpserver))
    source.page_size = 50
    assert len(source.lines(start=AT - 1, end=AT + 1, limit=200)) == 50
    assert len(fake.requests) == 2


def test_a_key_is_sent_and_its_refusal_named(httpserver: HTTPServer) -> None:
    fake_with(httpserver).authorization = "ApiKey good"
    good = Elasticsearch(url_of(httpserver), bearer="ApiKey good")
    assert good.lines(start=AT, end=AT + 1) == []
    with pytest.raises(ConnectorError, match="missing authentication") as caught:
        Elasticsearch(url_of(httpserver), bearer="ApiKey bad").lines(start=AT, end=AT + 1)
    assert caught.value.kind is Problem.DENIED


def test_what_elasticsearch_says_of_a_query_reaches_the_operator(httpserver: HTTPServer) -> None:
    cause = {"type": "illegal_argument_exception", "reason": "No mapping found for [@timestamp]"}
    body = {"error": {"root_cause": [cause], **cause}, "status": 400}
    httpserver.expect_request("/_search").respond_with_json(body, status=400)
    with pytest.raises(ConnectorError, match=r"No mapping found for \[@timestamp\]"):
        Elasticsearch(httpserver.url_for("")).lines(start=AT, end=AT + 1)
