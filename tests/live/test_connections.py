"""Connections that do nothing: more than there may be, more than files, and when AIRRA stops."""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
import psutil
import pytest

from tools.stack import Stack, answers, wait_for

pytestmark = pytest.mark.live

_WITHIN_S = 15  # a connection that says nothing is kept for 75
_LAST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a database and the static files."""
    made = tmp_path_factory.mktemp("connections")
    with Stack(var=made) as stack:
        stack.manage("migrate", "--verbosity=0")
        stack.manage("collectstatic", "--noinput", "--verbosity=0")
    return made


@pytest.fixture
def prepared(place: Path) -> Iterator[Stack]:
    """AIRRA on SQLite, not started yet."""
    with Stack(var=place) as stack:
        yield stack


def _serve(stack: Stack, *before: str, arguments: str = "") -> psutil.Process:
    """`manage.py serve`; returns the process that answers."""
    stack.settings = {"GUNICORN_CMD_ARGS": arguments}
    started = stack.start("airra", *before, sys.executable, "manage.py", "serve")
    wait_for("AIRRA", lambda: answers(f"{stack.url}/health"), within_s=60)
    return psutil.Process(started.pid).children()[0]


def _open(stack: Stack, held: ExitStack, count: int) -> list[socket.socket]:
    host = ("127.0.0.1", stack.port)
    return [held.enter_context(socket.create_connection(host)) for _ in range(count)]


def _health(stack: Stack) -> int:
    return httpx2.get(f"{stack.url}/health", trust_env=False, timeout=_WITHIN_S).status_code


def test_those_idle_for_longest_make_room_for_who_says_something(prepared: Stack) -> None:
    _serve(prepared, arguments="--worker-connections=30")
    with ExitStack() as held:
        idle = _open(prepared, held, 60)
        assert _health(prepared) == 200
        idle[0].settimeout(_WITHIN_S)
        assert idle[0].recv(1) == b""  # ended by AIRRA
        idle[-1].sendall(_LAST)
        idle[-1].settimeout(_WITHIN_S)
        assert b" 200 " in idle[-1].recv(4096)


def test_who_speaks_in_the_moment_when_room_is_made_ends_nothing_else(prepared: Stack) -> None:
    process = _serve(prepared, arguments="--worker-connections=30")
    with ExitStack() as held:
        idle = _open(prepared, held, 29)
        idle[-1].sendall(_LAST.replace(b"close", b"keep-alive"))
        assert idle[-1].recv(4096)  # so all of them were accepted
        process.suspend()
        _open(prepared, held, 1)  # the thirtieth: the first of the idle ones has to go
        idle[0].sendall(_LAST)
        process.resume()
        assert _health(prepared) == 200
        assert process.is_running()


def test_connections_do_not_use_up_the_files_of_the_process(prepared: Stack) -> None:
    """Without a file left, gunicorn ends the process; here also worker, beat and the queue."""
    process = _serve(prepared, "prlimit", "--nofile=300:300")
    with ExitStack() as held:
        _open(prepared, held, 400)
        assert _health(prepared) == 200
        assert process.is_running()
        assert process.num_fds() < 300


def test_a_process_takes_the_files_that_it_may_have(prepared: Stack) -> None:
    process = _serve(prepared, "prlimit", "--nofile=300:1300")
    with ExitStack() as held:
        _open(prepared, held, 400)
        assert _health(prepared) == 200
        assert process.num_fds() > 400


def test_who_says_nothing_does_not_hold_up_the_end(prepared: Stack) -> None:
    process = _serve(prepared, arguments="--graceful-timeout=60")
    with ExitStack() as held:
        _open(prepared, held, 3)
        assert _health(prepared) == 200
        begun = time.monotonic()
        prepared.processes["airra"].send_signal(signal.SIGTERM)
        process.wait(timeout=70)
        assert time.monotonic() - begun < _WITHIN_S


def test_who_was_answered_and_does_not_leave_keeps_nobody_waiting(prepared: Stack) -> None:
    """The server waited two seconds for each, one after the other, and serves nobody meanwhile."""
    _serve(prepared)
    with ExitStack() as held:
        for asking in _open(prepared, held, 30):
            asking.sendall(_LAST)
        assert _health(prepared) == 200
        asking.settimeout(_WITHIN_S)
        assert b" 200 " in asking.recv(4096)
        assert asking.recv(1) == b""


def test_who_is_still_sending_is_heard_out(prepared: Stack) -> None:
    """Ended with bytes unread, a connection is reset, and with it goes what was said last on it."""
    _serve(prepared)
    with ExitStack() as held:
        (asking,) = _open(prepared, held, 1)
        asking.settimeout(_WITHIN_S)
        asking.sendall(_LAST)
        assert b" 200 " in b"".join(iter(partial(asking.recv, 4096), b""))
        for _ in range(64):
            asking.sendall(b"x" * 65536)  # raises on a connection that was reset
        asking.shutdown(socket.SHUT_WR)


def test_who_never_stops_sending_is_not_heard_for_ever(prepared: Stack) -> None:
    process = _serve(prepared)
    with ExitStack() as held:
        (asking,) = _open(prepared, held, 1)
        asking.settimeout(_WITHIN_S)
        with pytest.raises(ConnectionError):
            asking.sendall(_LAST + b"x" * 1024 * 1024 * 1024)
    assert process.is_running()
