"""What the HTTP client bears: servers that drip, flood, break off, bomb or ask for patience."""

import gzip
import socket
import threading
import time
from datetime import UTC, datetime

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import clock, deadline
from airra.lib.http import Failure, HttpClient, HttpError
from tests.fakes.raw_server import Speak, dripping, flooding, head, raw_server, saying, silent

CHUNKED = head(Content_Type="application/json", Transfer_Encoding="chunked")


def failure_of(client: HttpClient) -> HttpError:
    with pytest.raises(HttpError) as raised:
        client.get_json("/x")
    return raised.value


@pytest.mark.parametrize(
    "speak",
    [
        dripping(CHUNKED, b"1\r\n \r\n"),
        dripping(head(Content_Length="100000"), b" "),
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        silent,
    ],
    ids=["chunks", "body", "status", "header", "continue", "silent"],
)
def test_a_drip_holds_nobody_past_the_deadline(speak: Speak) -> None:
    with raw_server(speak) as url, HttpClient(url, timeout_s=0.25) as client:
        started = time.monotonic()
        error = failure_of(client)
        took = time.monotonic() - started
    # A drop takes 0.02 s, so a time-out of each read would wait for ever.
    assert error.failure in {Failure.TIMEOUT, Failure.BROKEN}
    assert took < 1.5
    assert not error.is_certainly_unsent


def test_several_calls_share_an_outer_deadline(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_json({})
    client = HttpClient(httpserver.url_for(""), timeout_s=5)
    with deadline.within(0.0), pytest.raises(HttpError) as raised:
        client.get_json("/x")
    assert raised.value.is_certainly_unsent
    assert client.get_json("/x") == {}


def test_a_nearer_outer_deadline_holds_and_ends() -> None:
    with deadline.within(1.0):
        with deadline.within(100.0):
            left = deadline.left()
            assert left is not None
            assert left <= 1.0
        with deadline.within(0.1):
            left = deadline.left()
            assert left is not None
            assert left <= 0.1
    assert deadline.left() is None


def test_a_flood_is_cut_off_after_the_cap() -> None:
    sent: list[int] = []
    speak = flooding(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n", sent)
    with raw_server(speak) as url, HttpClient(url, max_bytes=500_000) as client:
        assert failure_of(client).failure is Failure.TOO_LARGE
    # The cap, and what the sockets hold on the way.
    assert sum(sent) < 500_000 + 16_000_000


@pytest.mark.parametrize("length", ["999999", "20"], ids=["truncated", "chunk cut"])
def test_a_body_that_ends_early_is_broken(length: str) -> None:
    with raw_server(saying(head(Content_Length=length), b'{"a": ')) as url:
        assert failure_of(HttpClient(url)).failure is Failure.BROKEN


def test_a_body_longer_than_announced_is_cut_to_what_was_announced() -> None:
    with raw_server(saying(head(Content_Length="2"), b'{}, {"more": 1}')) as url:
        assert HttpClient(url).get_json("/x") == {}


@pytest.mark.parametrize("noise", [b"\x00\x01\x02\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b""])
def test_what_is_not_http_is_broken(noise: bytes) -> None:
    with raw_server(saying(noise)) as url:
        assert failure_of(HttpClient(url, timeout_s=1)).failure is Failure.BROKEN


def respond_packed(server: HTTPServer, body: bytes, encoding: str = "gzip") -> str:
    server.expect_request("/x").respond_with_data(
        body, headers={"Content-Encoding": encoding}, content_type="application/json"
    )
    return server.url_for("/")


def test_a_bomb_is_known_by_its_ratio_before_the_cap(httpserver: HTTPServer) -> None:
    url = respond_packed(httpserver, gzip.compress(b"0" * 20_000_000))
    error = failure_of(HttpClient(url, max_bytes=50_000_000))
    assert error.failure is Failure.TOO_LARGE
    assert "bomb" in str(error)


def test_well_packed_data_is_no_bomb(httpserver: HTTPServer) -> None:
    points = ",".join(f'[{1795405364 + 15 * i},"0"]' for i in range(150_000))
    url = respond_packed(httpserver, gzip.compress(f"[{points}]".encode()))
    assert len(HttpClient(url).get_json("/x")) == 150_000


def test_a_bomb_in_a_bomb_is_refused_unopened(httpserver: HTTPServer) -> None:
    url = respond_packed(httpserver, gzip.compress(gzip.compress(b"{}")), "gzip, gzip")
    assert failure_of(HttpClient(url)).failure is Failure.MALFORMED


def test_broken_gzip_is_broken(httpserver: HTTPServer) -> None:
    url = respond_packed(httpserver, b"no gzip at all")
    assert failure_of(HttpClient(url)).failure is Failure.BROKEN


def test_deep_nesting_is_malformed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data(b"[" * 1_000_000)
    assert failure_of(HttpClient(httpserver.url_for("/"))).failure is Failure.MALFORMED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("99999", 3600.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_the_wait_a_server_asks_for(httpserver: HTTPServer, text: str, seconds: float) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=429, headers={"Retry-After": text})
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        assert failure_of(HttpClient(httpserver.url_for("/"))).retry_after_s == seconds


@pytest.mark.parametrize("url", ["nonsense", "http://\x00/", "ftp://127.0.0.1", ""])
def test_what_is_no_address_is_unreachable(url: str) -> None:
    with pytest.raises(HttpError) as raised:
        HttpClient(url).get_json("/x")
    assert raised.value.failure is Failure.UNREACHABLE


class Stall:
    """Answers all but `/slow` at once, and that when released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.arrived = threading.Event()

    def __call__(self, connection: socket.socket, stop: threading.Event) -> None:
        if b"/slow" in connection.recv(65536):
            self.arrived.set()
            self.release.wait(5)
        connection.sendall(head(Content_Length="2") + b"{}")


def test_one_call_more_than_allowed_is_never_sent() -> None:
    stall = Stall()
    with raw_server(stall) as url:
        first = HttpClient(url, timeout_s=5, at_once=1)
        thread = threading.Thread(target=first.get_json, args=("/slow",))
        thread.start()
        assert stall.arrived.wait(5)
        # Another client of the same address: the cap is the process's, not the client's.
        error = failure_of(HttpClient(url, timeout_s=0.1, at_once=1))
        assert error.failure is Failure.BUSY
        assert error.is_certainly_unsent
        assert HttpClient(url, timeout_s=5).get_json("/x") == {}
        stall.release.set()
        thread.join()
        assert HttpClient(url, timeout_s=5, at_once=1).get_json("/x") == {}


def test_a_failed_call_gives_its_place_back(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("", status=500)
    client = HttpClient(httpserver.url_for("/"), at_once=1)
    assert [failure_of(client).status for _ in range(3)] == [500, 500, 500]
