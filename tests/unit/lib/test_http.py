"""The one HTTP client, against a real server on loopback."""

import gzip
import socket

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from airra.lib.http import Failure, HttpClient, HttpError, sign


def client_of(server: HTTPServer, **options: float) -> HttpClient:
    return HttpClient(server.url_for("/"), **options)  # type: ignore[arg-type]  # numbers only


def failure_of(client: HttpClient, path: str = "/x") -> HttpError:
    with pytest.raises(HttpError) as raised:
        client.get_json(path)
    return raised.value


def test_json_of_a_good_answer(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x", query_string={"a": "1"}).respond_with_json({"ok": True})
    assert client_of(httpserver).get_json("/x", params={"a": 1}) == {"ok": True}


def test_an_error_status_carries_status_and_body(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("no such thing", status=404)
    error = failure_of(client_of(httpserver))
    assert (error.failure, error.status, error.body) == (Failure.STATUS, 404, "no such thing")


def test_html_instead_of_json_is_malformed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data("<html>proxy says hello</html>")
    assert failure_of(client_of(httpserver)).failure is Failure.MALFORMED


def test_a_closed_port_is_certainly_unsent() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    error = failure_of(HttpClient(f"http://127.0.0.1:{port}"))
    assert error.failure is Failure.UNREACHABLE
    assert error.is_certainly_unsent


def test_a_server_that_never_answers_may_have_done_it(httpserver: HTTPServer) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        client = HttpClient(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.2)
        error = failure_of(client)
    assert error.failure is Failure.TIMEOUT
    assert not error.is_certainly_unsent


def test_a_gzip_bomb_is_cut_off(httpserver: HTTPServer) -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    httpserver.expect_request("/x").respond_with_data(
        bomb, headers={"Content-Encoding": "gzip"}, content_type="application/json"
    )
    error = failure_of(HttpClient(httpserver.url_for("/"), max_bytes=1_000_000))
    assert error.failure is Failure.TOO_LARGE


def test_redirects_are_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data(
        "", status=302, headers={"Location": httpserver.url_for("/elsewhere")}
    )
    assert failure_of(client_of(httpserver)).status == 302


def test_a_post_is_sent_once_and_returned_whatever_the_status(httpserver: HTTPServer) -> None:
    seen: list[bytes] = []

    def handler(request: Request) -> Response:
        seen.append(request.get_data())
        return Response("later", status=503)

    httpserver.expect_request("/act", method="POST").respond_with_handler(handler)
    answer = client_of(httpserver).post_bytes("/act", b"{}", headers={"X-Thing": "1"})
    assert (answer.status, seen) == (503, [b"{}"])


def test_signature_is_bound_to_time_and_body() -> None:
    assert sign("s", "1", b"x") != sign("s", "2", b"x")
    assert sign("s", "1", b"x") != sign("s", "1", b"y")
    assert sign("s", "1", b"x").startswith("sha256=")
