"""What HTTP allows and people try, at the real web server: each has one answer, and none is 5xx."""

import gzip
import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.live.rawhttp import BODY, chunks, request, say, say_after_leave
from tests.live.receiving import READ_WITHIN_S, Airra, Receiver

pytestmark = pytest.mark.live
MIB = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
def generic(airra: Airra) -> Receiver:
    return airra.of("generic")


def titled(title: str, **more: Any) -> bytes:
    return json.dumps({"title": title, **more}).encode()


def test_a_body_in_chunks_is_the_same_body(airra: Airra, generic: Receiver) -> None:
    title = f"in chunks {uuid4()}"
    body = titled(title, description="x" * 70_000)
    sent = request(generic, chunks(body[:7], body[7:40_000], body[40_000:]), CHUNKED, length=None)
    assert say(airra.host, sent).status == 202
    assert generic.wait_for_alert(title)["description"] == "x" * 10_000
    assert say(airra.host, request(generic, body)).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"zz\r\nabc\r\n0\r\n\r\n", 400),
        (b"-5\r\nabcde\r\n0\r\n\r\n", 400),
        (b"14\r\n" + BODY + b"no end of line", 400),
        (b"14\r\n" + BODY[:5], 400),
        (chunks(b"x" * 70_000, b"y" * 5 * MIB), 413),
    ],
)
def test_chunks_that_are_none_are_refused(
    airra: Airra, generic: Receiver, body: bytes, status: int
) -> None:
    assert say(airra.host, request(generic, body, CHUNKED, length=None), hang_up=True).status == (
        status
    )


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"length": 50}, 400),  # hangs up before so much has come
        ({"length": 3}, 400),
        ({"length": -2}, 400),
        ({"length": 9 * MIB}, 413),
        ({"length": None, "body": b""}, 400),
        ({"length": 5, "headers": (CHUNKED,), "body": chunks(BODY)}, 400),
        ({"headers": ("Content-Length: 5",)}, 400),
        ({"headers": ("Transfer-Encoding: gzip", CHUNKED), "length": None}, 400),
        ({"headers": ("Idempotency-Key: a\x00b",)}, 400),
        ({"headers": ("Idempotency-Key: " + "k" * 9000,)}, 431),
        ({"headers": ("Expect: a-miracle",)}, 417),
        ({"headers": ("Host: evil.example",)}, 400),
        ({"version": "3.0"}, 400),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(
    airra: Airra, generic: Receiver, sent: dict[str, Any], status: int
) -> None:
    given = {"body": BODY, "headers": (), **sent}
    body, headers = given.pop("body"), given.pop("headers")
    before = len(generic.deliveries())
    assert say(airra.host, request(generic, body, *headers, **given), hang_up=True).status == status
    kept = generic.deliveries()[before:]
    assert all(row["state"] == "refused" for row in kept)


def test_what_follows_a_refused_body_is_not_taken_for_a_request(
    airra: Airra, generic: Receiver
) -> None:
    inner = request(generic, titled(f"smuggled {uuid4()}"))
    outer = request(generic, inner, length=9 * MIB).replace(b"close", b"keep-alive")
    assert say(airra.host, outer, hang_up=True).statuses == [413]


def test_a_sender_may_ask_for_leave_first(airra: Airra, generic: Receiver) -> None:
    body = titled(f"by your leave {uuid4()}")
    whole = request(generic, body, "Expect: 100-continue")
    leave, answer = say_after_leave(airra.host, whole[: -len(body)], body)
    assert leave.startswith(b"HTTP/1.1 100 Continue")
    assert answer.status == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_everything_but_a_post_is_told_so(airra: Airra, generic: Receiver, method: str) -> None:
    for path in (generic.path, "/v2/enqueue", "/v2/change/enqueue"):
        answer = say(airra.host, request(generic, b"", method=method, path=path))
        assert (answer.status, answer.header("Allow")) == (405, "POST"), path


def test_a_last_slash_more_or_less_is_no_redirect(airra: Airra, generic: Receiver) -> None:
    """Go's client, which is Alertmanager's, follows a 301 with a GET."""
    body = titled(f"without a slash {uuid4()}")
    bare = request(generic, body, path=generic.path.rstrip("/"))
    assert say(airra.host, bare).status == 202
    events = airra.of("pagerduty_events")
    trigger = {
        "routing_key": events.secret,
        "event_action": "trigger",
        "dedup_key": str(uuid4()),
        "payload": {"summary": "slashed", "source": "here", "severity": "info"},
    }
    with_slash = request(events, json.dumps(trigger).encode(), path="/v2/enqueue/", is_proven=False)
    assert say(airra.host, with_slash).status == 202


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br, gzip"])
def test_a_compressed_body_is_refused_with_what_to_do(
    airra: Airra, generic: Receiver, coding: str
) -> None:
    body, before = gzip.compress(BODY), len(generic.deliveries())
    answer = say(airra.host, request(generic, body, f"Content-Encoding: {coding}"))
    assert (answer.status, answer.header("Accept-Encoding")) == (415, "identity")
    assert b"send it as it is" in answer.said
    assert len(generic.deliveries()) == before


@pytest.mark.parametrize(
    ("encoding", "status"), [("utf-8", 202), ("utf-8-sig", 202), ("utf-16", 202), ("latin-1", 400)]
)
def test_the_charset_of_json_is_unicode(generic: Receiver, encoding: str, status: int) -> None:
    title = f"Überlast {uuid4()}"
    body = json.dumps({"title": title}, ensure_ascii=False).encode(encoding)
    headers = {**generic.bearer, "Content-Type": f"application/json; charset={encoding}"}
    answer = httpx2.post(generic.url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == status
    if status == 202:
        generic.wait_for_alert(title)


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": "%s", "x": NaN}',
        b'{"title": "%s", "x": -Infinity}',
        b'{"title": "%s \x00"}',
        b'{"title": "%s", "x": ' + b"9" * 5000 + b"}",
        b'{"title": "%s", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title": "%s", "x": ' + b'{"a":' * 64 + b"1" + b"}" * 65,
        b"{" * 100_000,
        b"",
        b"payload=%%7B%%7D",
    ],
)
def test_what_is_no_json_is_kept_as_not_understood(generic: Receiver, body: bytes) -> None:
    filled = body.replace(b"%s", str(uuid4()).encode())
    answer = httpx2.post(generic.url, content=filled, headers=generic.bearer, trust_env=False)
    assert answer.status_code == 400
    assert generic.delivery(answer.json()["delivery"])["state"] == "refused"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (rb'{"title": "%s \ud800 alone", "service": "\udfff"}', {"service": "?"}),
        (
            rb'{"title": "%s", "labels": {"\u0000": "\u0000"}, "description": "\u0000"}',
            {"description": "\N{REPLACEMENT CHARACTER}"},
        ),
        (rb'{"title": "first", "title": "%s", "state": "ok", "state": "firing"}', {}),
        (rb'{"title": "%s", "x": 1e999, "starts_at": 1e999, "labels": {"n": -1e999}}', {}),
        (b'{"title": "%s", "key": "' + rb"\u0000" * 100_000 + b'"}', {}),
        (
            b'{"title": "%s", ' + b", ".join(b'"k%d": %d' % (n, n) for n in range(100_000)) + b"}",
            {},
        ),
    ],
)
def test_odd_text_is_stored_on_either_database(
    generic: Receiver, body: bytes, found: dict[str, str]
) -> None:
    title = str(uuid4())
    filled = body.replace(b"%s", title.encode())
    answer = httpx2.post(generic.url, content=filled, headers=generic.bearer, trust_env=False)
    assert answer.status_code == 202
    generic.wait_for_alert(title, status="firing", **found)


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: application/\xff\xfe",),
        ("Content-Type: " + "x" * 4000,),
        ("Idempotency-Key: \xff\xed\xa0\x80",),
        ("Idempotency-Key: " + "k" * 8000,),
        tuple(f"X-Padding-{n}: 1" for n in range(90)),
    ],
)
def test_odd_headers_are_stored_on_either_database(
    airra: Airra, generic: Receiver, headers: tuple[str, ...]
) -> None:
    title = f"odd headers {uuid4()}"
    assert say(airra.host, request(generic, titled(title), *headers)).status == 202
    generic.wait_for_alert(title)


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(lambda to: request(to)[:40], id="a head"),
        pytest.param(lambda to: request(to, length=100), id="a body"),
        pytest.param(lambda to: request(to, b"5\r\nab", CHUNKED, length=None), id="a chunk"),
    ],
)
def test_those_who_never_finish_do_not_keep_others_out(
    airra: Airra, generic: Receiver, begun: Callable[[Receiver], bytes]
) -> None:
    """More of them than the server has threads, and each has yet to prove who it is."""
    with ExitStack() as stack:
        for _ in range(12):
            slow = stack.enter_context(socket.create_connection(airra.host))
            slow.sendall(begun(generic))
        title = f"heard all the same {uuid4()}"
        answer = httpx2.post(
            generic.url,
            content=titled(title),
            headers=generic.bearer,
            trust_env=False,
            timeout=READ_WITHIN_S * 5,
        )
    assert answer.status_code == 202
    generic.wait_for_alert(title)


def test_connections_that_say_nothing_hold_up_nobody(airra: Airra, generic: Receiver) -> None:
    """Go's client, so Alertmanager, opens more connections than it has something to say on."""
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(airra.host))
        answer = httpx2.post(
            generic.url,
            content=titled(f"heard at once {uuid4()}"),
            headers=generic.bearer,
            trust_env=False,
            timeout=READ_WITHIN_S,
        )
    assert answer.status_code == 202


def test_a_second_token_does_not_hide_behind_the_first(airra: Airra, generic: Receiver) -> None:
    doubled = request(generic, titled("two tokens"), "Authorization: Bearer guessed")
    assert say(airra.host, doubled).status == 401


def test_two_requests_at_once_on_one_connection_are_two(airra: Airra, generic: Receiver) -> None:
    bodies = [titled(f"pipelined {uuid4()}") for _ in range(2)]
    first = request(generic, bodies[0]).replace(b"Connection: close\r\n", b"")
    assert say(airra.host, first + request(generic, bodies[1])).statuses == [202, 202]
