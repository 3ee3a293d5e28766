"""What a reader is told when a source is dead, slow, lying or hostile: every kind over HTTP.

Each misdeed ends in a named error, within the deadline, with no more read than the cap.
"""

import gzip
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_httpserver import HTTPServer, URIPattern
from werkzeug import Request, Response

from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.elasticsearch import Elasticsearch
from analysis.connectors.jaeger import Jaeger
from analysis.connectors.loki import Loki
from analysis.connectors.prometheus import Prometheus
from analysis.connectors.registry import OVER_HTTP
from tests.fakes.raw_server import Speak, dripping, flooding, head, raw_server, saying, silent

TIMEOUT_S = 0.3
MAX_BYTES = 300_000
Read = Callable[[str], object]


def small(kind: str, url: str) -> Any:
    """A source of small caps."""
    return OVER_HTTP[kind](url, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)


def checking(kind: str) -> Read:
    """What the Test button does."""
    return lambda url: small(kind, url).check()


RANGE = {"start": 0.0, "end": 60.0}
CHECKS: dict[str, Read] = {kind: checking(kind) for kind in OVER_HTTP}
READS: dict[str, Read] = {
    **CHECKS,
    "prometheus frame": lambda url: small("prometheus", url).query_frame("up", step_s=15, **RANGE),
    "loki lines": lambda url: small("loki", url).lines(**RANGE),
    "jaeger spans": lambda url: small("jaeger", url).spans("a", **RANGE),
    "tempo spans": lambda url: small("tempo", url).spans("a", **RANGE),
    "kubernetes changes": lambda url: small("kubernetes", url).changes(**RANGE),
    "kubernetes objects": lambda url: small("kubernetes", url).inventory(),
}
every_kind = pytest.mark.parametrize("read", CHECKS.values(), ids=CHECKS)
every_read = pytest.mark.parametrize("read", READS.values(), ids=READS)


def failure(read: Read, url: str) -> ConnectorError:
    started = time.monotonic()
    with pytest.raises(ConnectorError) as caught:
        read(url)
    # A margin for a busy machine; without a deadline these servers would talk for ever.
    assert time.monotonic() - started < TIMEOUT_S + 2.0
    assert len(str(caught.value)) < 1000
    return caught.value


class AnyPath(URIPattern):
    def match(self, uri: str) -> bool:
        return bool(uri)


def answering(server: HTTPServer, respond: Callable[[Request], Response]) -> str:
    """A server that answers every path with `respond`."""
    server.expect_request(AnyPath()).respond_with_handler(respond)
    return server.url_for("").rstrip("/")


def answering_json(server: HTTPServer, body: object, status: int = 200, **headers: str) -> str:
    text = json.dumps(body)
    return answering(
        server,
        lambda _: Response(text, status=status, headers=headers, content_type="application/json"),
    )


# --- dead and slow -----------------------------------------------------------------------------
@every_read
def test_a_dead_source_is_unreachable_and_worth_a_retry(read: Read) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    error = failure(read, f"http://127.0.0.1:{port}")
    assert error.kind is Problem.UNREACHABLE
    assert error.retryable
    assert str(port) in str(error)


@every_read
def test_a_silent_source_times_out(read: Read) -> None:
    with raw_server(silent) as url:
        error = failure(read, url)
    assert error.kind is Problem.TIMEOUT
    assert error.retryable


@every_kind
@pytest.mark.parametrize(
    "speak",
    [
        dripping(head(Transfer_Encoding="chunked"), b"1\r\n \r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    ],
    ids=["body", "header"],
)
def test_a_dripping_source_times_out(read: Read, speak: Speak) -> None:
    with raw_server(speak) as url:
        assert failure(read, url).kind is Problem.TIMEOUT


# --- wrong address -----------------------------------------------------------------------------
@every_read
def test_a_web_page_is_called_a_wrong_address(read: Read, httpserver: HTTPServer) -> None:
    url = answering(
        httpserver, lambda _: Response("<html>sign in</html>", content_type="text/html")
    )
    error = failure(read, url)
    assert error.kind is Problem.MALFORMED
    assert "web page" in str(error)
    assert not error.retryable


@every_kind
def test_a_redirect_is_not_followed_but_named(read: Read, httpserver: HTTPServer) -> None:
    url = answering(
        httpserver, lambda _: Response("", status=302, headers={"Location": "/login?next=/"})
    )
    error = failure(read, url)
    assert error.kind is Problem.MALFORMED
    assert "redirects to" in str(error)
    assert "/login" in str(error)


@every_kind
@pytest.mark.parametrize("text", ["", "ok", "up 1\n", "\x00\x01", '{"a": '])
def test_what_is_not_json_is_called_that(read: Read, httpserver: HTTPServer, text: str) -> None:
    error = failure(read, answering(httpserver, lambda _: Response(text)))
    assert error.kind is Problem.MALFORMED
    assert "not JSON" in str(error)


# --- refusals ----------------------------------------------------------------------------------
@every_read
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, Problem.REJECTED, False),
        (401, Problem.DENIED, False),
        (403, Problem.DENIED, False),
        (404, Problem.MALFORMED, False),
        (422, Problem.REJECTED, False),
        (429, Problem.UNAVAILABLE, True),
        (500, Problem.UNAVAILABLE, True),
        (502, Problem.UNAVAILABLE, True),
        (503, Problem.UNAVAILABLE, True),
    ],
)
def test_an_error_status_is_named(
    read: Read, httpserver: HTTPServer, status: int, kind: Problem, retryable: bool
) -> None:
    url = answering_json(httpserver, {"error": "because"}, status=status)
    error = failure(read, url)
    assert error.kind is kind
    assert error.retryable is retryable
    assert "because" in str(error)
    assert str(status) in str(error)


@every_kind
def test_the_wait_a_source_asks_for_is_kept(read: Read, httpserver: HTTPServer) -> None:
    url = answering_json(httpserver, {"error": "slow down"}, status=429, **{"Retry-After": "17"})
    assert failure(read, url).retry_after_s == 17


# --- broken and hostile ------------------------------------------------------------------------
@every_kind
@pytest.mark.parametrize(
    "speak",
    [saying(head(Content_Length="999"), b'{"data": ['), saying(b""), saying(b"SSH-2.0-x\r\n")],
    ids=["cut", "hangs up", "not http"],
)
def test_a_broken_connection_is_worth_a_retry(read: Read, speak: Speak) -> None:
    with raw_server(speak) as url:
        error = failure(read, url)
    assert error.kind is Problem.UNAVAILABLE
    assert error.retryable


@every_kind
def test_a_length_that_is_too_short_is_malformed(read: Read) -> None:
    with raw_server(saying(head(Content_Length="9"), b'{"data": []}')) as url:
        assert failure(read, url).kind is Problem.MALFORMED


@every_read
def test_a_flood_is_cut_off_at_the_cap(read: Read) -> None:
    sent: list[int] = []
    speak = flooding(head(Transfer_Encoding="chunked"), b"4000\r\n" + b" " * 16384 + b"\r\n", sent)
    with raw_server(speak) as url:
        error = failure(read, url)
    assert error.kind is Problem.TOO_LARGE
    assert "narrow" in str(error)
    # The cap, and what the sockets of both sides may hold.
    assert sum(sent) < MAX_BYTES + 16_000_000


@every_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_is_not_unpacked(read: Read, httpserver: HTTPServer, layers: int) -> None:
    bomb = b" " * 30_000_000
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    encoding = ", ".join(["gzip"] * layers)
    url = answering(
        httpserver,
        lambda _: Response(bomb, headers={"Content-Encoding": encoding}),
    )
    assert failure(read, url).kind in {Problem.TOO_LARGE, Problem.MALFORMED}


@every_read
@pytest.mark.parametrize("opening", [b"[", b'{"data":', b'{"hits":'])
def test_deep_nesting_is_malformed(read: Read, httpserver: HTTPServer, opening: bytes) -> None:
    body = opening * (250_000 // len(opening))
    url = answering(httpserver, lambda _: Response(body, content_type="application/json"))
    assert failure(read, url).kind is Problem.MALFORMED


def test_a_million_empty_values_are_never_built(httpserver: HTTPServer) -> None:
    body = b"[" + b",".join([b"[]"] * 2_000_000) + b"]"
    url = answering(httpserver, lambda _: Response(body, content_type="application/json"))
    error = failure(lambda at: Loki(at).lines(start=0, end=1), url)
    assert error.kind is Problem.TOO_LARGE
    assert "narrow" in str(error)


# --- wrong types -------------------------------------------------------------------------------
NOT_OBJECTS: tuple[object, ...] = (
    [],
    "text",
    None,
    5,
    {"data": 5, "hits": 5, "items": 5, "changes": 5, "tagValues": 5, "traces": 5},
)


@every_read
@pytest.mark.parametrize("body", NOT_OBJECTS, ids=["list", "text", "null", "number", "object"])
def test_wrong_types_are_refused_with_their_place(
    read: Read, httpserver: HTTPServer, body: object
) -> None:
    error = failure(read, answering_json(httpserver, body))
    assert error.kind is Problem.MALFORMED
    assert "not understood" in str(error)
    assert not error.retryable


def streams(*values: object) -> object:
    return {"data": {"resultType": "streams", "result": [{"stream": {}, "values": list(values)}]}}


def hits(*found: object) -> object:
    return {"hits": {"hits": list(found)}}


AT = ["2026-01-31T12:00:00Z"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("loki", {"data": [{"not": "text"}]}),
        ("loki", {"data": {"resultType": "matrix", "result": []}}),
        ("loki", streams(["x", "line"])),
        ("loki", streams(["NaN", "line"])),
        ("loki", streams(["1"])),
        ("loki", streams(["1", 5])),
        ("elasticsearch", hits(5)),
        ("elasticsearch", hits({"_source": 5})),
        ("elasticsearch", hits({"_source": {}})),
        ("elasticsearch", hits({"_source": {}, "fields": {"@timestamp": 7}})),
        ("elasticsearch", hits({"_source": {"@timestamp": "yesterday"}})),
        ("elasticsearch", hits({"_source": [], "fields": {"@timestamp": AT}})),
        ("tempo", {"tagValues": ["checkout"]}),
        ("kubernetes", {"items": ["pod"]}),
        ("kubernetes", {"items": [], "metadata": 5}),
        ("changes", {"changes": [5]}),
        ("changes", {"changes": [{"id": "1", "service": "a", "at": "yesterday"}]}),
        ("changes", {"changes": [{"id": "1", "at": "2026-01-01T00:00:00Z"}]}),
    ],
)
def test_wrong_types_inside_are_refused(httpserver: HTTPServer, kind: str, body: object) -> None:
    error = failure(CHECKS[kind], answering_json(httpserver, body))
    assert error.kind is Problem.MALFORMED
    assert "should be" in str(error)


@pytest.mark.parametrize(
    "trace",
    [
        7,
        {"spans": 7, "processes": {}},
        {"spans": [{"processID": "p1"}], "processes": {}},
        {"spans": [{"processID": "p1", "tags": [3]}], "processes": {"p1": {}}},
        {"spans": [{"processID": "p1", "startTime": "soon"}], "processes": {"p1": {}}},
        {"spans": [{"processID": "p1", "startTime": 1e999}], "processes": {"p1": {}}},
    ],
)
def test_a_malformed_trace_is_refused(httpserver: HTTPServer, trace: object) -> None:
    url = answering_json(httpserver, {"data": [trace]})
    assert failure(READS["jaeger spans"], url).kind is Problem.MALFORMED


# --- secrets -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("secret", "sent"),
    [
        ("s3cret", "Bearer s3cret"),
        ("Bearer s3cret\n", "Bearer s3cret"),
        ("ApiKey aWQ6a2V5", "ApiKey aWQ6a2V5"),
        ("Basic dXNlcjpwdw==", "Basic dXNlcjpwdw=="),
        ("Basic user:pw", "Basic dXNlcjpwdw=="),
    ],
)
def test_a_secret_may_name_its_scheme(httpserver: HTTPServer, secret: str, sent: str) -> None:
    httpserver.expect_request("/api/services", headers={"Authorization": sent}).respond_with_json(
        {"data": None}
    )
    assert Jaeger(httpserver.url_for(""), bearer=secret).services() == []


def test_a_tenant_is_sent_where_there_is_one(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/services", headers={"X-Scope-OrgID": "a|b"}).respond_with_json(
        {"data": None}
    )
    assert Jaeger(httpserver.url_for(""), tenant="a|b").services() == []
    with pytest.raises(ConnectorError):
        Jaeger(httpserver.url_for("")).services()


@pytest.mark.parametrize("secret", ["two\nlines", "pass\u00e9", "a\x00b"])
def test_a_secret_no_header_can_carry_is_named_but_not_shown(secret: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        Elasticsearch("http://127.0.0.1:1", bearer=secret)
    assert caught.value.kind is Problem.DENIED
    assert secret not in str(caught.value)


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(ConnectorError) as caught:
        Prometheus("http://\x00/")
    assert caught.value.kind is Problem.UNREACHABLE
