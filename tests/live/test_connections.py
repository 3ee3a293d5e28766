"""Connections that do nothing: more than there may be, more than files, and when AIRRA stops."""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import psutil
import pytest

from tools.stack import Stack, answers, wait_for

pytestmark = pytest.mark.live

_WITHIN_S = 15  # a connection that says nothing is kept for 75


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
        idle[-1].sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        idle[-1].settimeout(_WITHIN_S)
        assert b" 200 " in idle[-1].recv(4096)


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
