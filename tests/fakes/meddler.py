"""Stands between an executor and an HTTP target and spoils its effects, whatever the target is.

It forwards everything over real HTTP. Only a request that `is_effect` recognises can be spoilt:
its answer withheld, before or after the target acted; held while something else happens; or
refused, as a proxy with an allow-list does.
"""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.fakes.spoiler import Spoiler

_HOP = frozenset({"transfer-encoding", "connection", "content-length", "keep-alive"})


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]  # lower case names
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class Meddler(Spoiler):
    """`with Meddler(upstream, is_effect) as between:` serves `between.address` in its place.

    `upstream` is http://host:port or unix:///path; paths below it are passed through.
    """

    def __init__(self, upstream: str, is_effect: Callable[[Asked], bool]) -> None:
        super().__init__()
        self.is_effect = is_effect
        self.upstream = urlsplit(upstream)
        self.forwarded: list[Asked] = []  # effects that reached the target
        self.refuses = ""  # with 403 and this message
        self.released = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.upstream.path if self.upstream.netloc else ''}"

    @contextmanager
    def refusing(self, message: str) -> Iterator[None]:
        self.refuses = message
        try:
            yield
        finally:
            self.refuses = ""

    def pass_on(self, asked: Asked) -> tuple[int, list[tuple[str, str]], bytes]:
        where = self.upstream
        connection = (
            http.client.HTTPConnection(where.netloc, timeout=60)
            if where.netloc
            else _UnixConnection(where.path)
        )
        try:
            connection.request(asked.method, asked.path, asked.body, dict(asked.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, meddler: Meddler) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.meddler = meddler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _handle(self) -> None:
        meddler = self.server.meddler
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        if not meddler.is_effect(asked):
            self._answer(*meddler.pass_on(asked))
            return
        if meddler.refuses:
            told = f'{{"message": "{meddler.refuses}"}}'.encode()
            self._answer(403, [("Content-Type", "application/json")], told)
            return
        loses = meddler.loses
        meddler.do_first()
        if loses != "before":
            meddler.forwarded.append(asked)
            answer = meddler.pass_on(asked)
            meddler.acted.set()
            if not loses:
                self._answer(*answer)
                return
        self.close_connection = True
        meddler.released.wait(30)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # every method alike
            return self._handle
        raise AttributeError(name)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
