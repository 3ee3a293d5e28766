"""What a reader is told when a source is dead, slow, wrong or hostile."""

import json
import socket
import threading
from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer, URIPattern
from werkzeug import Request, Response

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.changes import Changes
from analysis.connectors.jaeger import Jaeger
from analysis.connectors.loki import Loki
from analysis.connectors.prometheus import Prometheus

READS: dict[str, Callable[[str], object]] = {
    "prometheus": lambda url: Prometheus(url, timeout_s=0.3).check(),
    "loki": lambda url: Loki(url, timeout_s=0.3).check(),
    "jaeger": lambda url: Jaeger(url, timeout_s=0.3).check(),
    "changes": lambda url: Changes(url, timeout_s=0.3).check(),
}
every_source = pytest.mark.parametrize("read", READS.values(), ids=READS)


def failure(read: Callable[[str], object], url: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        read(url)
    return caught.value


class AnyPath(URIPattern):
    def match(self, uri: str) -> bool:
        return bool(uri)


def answering(server: HTTPServer, respond: Callable[[Request], Response]) -> str:
    """A server that answers every path with `respond`."""
    server.expect_request(AnyPath()).respond_with_handler(respond)
    return server.url_for("").rstrip("/")


def answering_json(server: HTTPServer, body: object, status: int = 200) -> str:
    text = json.dumps(body)
    return answering(
        server, lambda _: Response(text, status=status, content_type="application/json")
    )


@every_source
def test_a_dead_source_is_unreachable_and_worth_a_retry(read: Callable[[str], object]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    error = failure(read, f"http://127.0.0.1:{port}")
    assert error.kind is Problem.UNREACHABLE
    assert error.retryable
    assert str(port) in str(error)


@every_source
def test_a_slow_source_times_out(read: Callable[[str], object], httpserver: HTTPServer) -> None:
    release = threading.Event()

    def stall(_: Request) -> Response:
        release.wait(5)
        return Response("{}")

    url = answering(httpserver, stall)
    try:
        error = failure(read, url)
    finally:
        release.set()
    assert error.kind is Problem.TIMEOUT
    assert error.retryable


@every_source
def test_a_web_page_is_called_a_wrong_address(
    read: Callable[[str], object], httpserver: HTTPServer
) -> None:
    url = answering(
        httpserver, lambda _: Response("<html>sign in</html>", content_type="text/html")
    )
    error = failure(read, url)
    assert error.kind is Problem.MALFORMED
    assert "web page" in str(error)
    assert not error.retryable


@every_source
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, Problem.DENIED, False),
        (403, Problem.DENIED, False),
        (302, Problem.MALFORMED, False),
        (404, Problem.MALFORMED, False),
        (429, Problem.UNAVAILABLE, True),
        (503, Problem.UNAVAILABLE, True),
    ],
)
def test_an_error_status_is_named(
    read: Callable[[str], object],
    httpserver: HTTPServer,
    status: int,
    kind: Problem,
    retryable: bool,
) -> None:
    url = answering_json(httpserver, {"error": "because"}, status=status)
    error = failure(read, url)
    assert error.kind is kind
    assert error.retryable is retryable


NOT_OBJECTS: tuple[object, ...] = ([], "text", None, 5, {"data": 5})


def streams(*values: object) -> object:
    return {"data": {"resultType": "streams", "result": [{"stream": {}, "values": list(values)}]}}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *((kind, body) for kind in READS for body in NOT_OBJECTS),
        ("loki", {"data": [{"not": "text"}]}),
        ("loki", {"data": {"resultType": "matrix", "result": []}}),
        ("loki", streams(["x", "line"])),
        ("loki", streams(["1"])),
        ("loki", streams(["1", 5])),
        ("changes", {"changes": [5]}),
        ("changes", {"changes": [{"id": "1", "service": "a", "at": "yesterday"}]}),
        ("changes", {"changes": [{"id": "1", "at": "2026-01-01T00:00:00Z"}]}),
    ],
)
def test_wrong_types_are_refused_with_their_place(
    httpserver: HTTPServer, kind: str, body: object
) -> None:
    error = failure(READS[kind], answering_json(httpserver, body))
    assert error.kind is Problem.MALFORMED
    assert "not understood" in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    "trace",
    [
        7,
        {"spans": 7, "processes": {}},
        {"spans": [{"processID": "p1"}], "processes": {}},
        {"spans": [{"processID": "p1", "tags": [3]}], "processes": {"p1": {}}},
        {"spans": [{"processID": "p1", "startTime": "soon"}], "processes": {"p1": {}}},
    ],
)
def test_a_malformed_trace_is_refused(httpserver: HTTPServer, trace: object) -> None:
    url = answering_json(httpserver, {"data": [trace]})
    error = failure(lambda at: Jaeger(at).spans("a", start=0, end=1), url)
    assert error.kind is Problem.MALFORMED


def test_an_oversized_answer_is_cut_off(httpserver: HTTPServer) -> None:
    body = b'{"data": "' + b"x" * (33 * 1024 * 1024) + b'"}'
    url = answering(httpserver, lambda _: Response(body, content_type="application/json"))
    error = failure(lambda at: Prometheus(at).check(), url)
    assert error.kind is Problem.TOO_LARGE
    assert "narrow" in str(error)


def test_a_bearer_token_is_sent(httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        "/api/services", headers={"Authorization": "Bearer s3cret"}
    ).respond_with_json({"data": None})
    assert Jaeger(httpserver.url_for(""), bearer="s3cret").services() == []
