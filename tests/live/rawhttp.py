"""Requests as bytes, for what no client library would send."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from tests.live.receiving import Receiver

BODY = b'{"title": "by hand"}'
_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


@dataclass(frozen=True)
class Answer:
    """The statuses of all answers on the connection, in order, and all that was said."""

    statuses: list[int]
    said: bytes

    @property
    def status(self) -> int:
        return self.statuses[-1]

    def header(self, name: str) -> str:
        found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]*)\r\n", self.said, re.IGNORECASE)
        return found.group(1).decode("latin-1") if found else ""


def request(
    receiver: Receiver,
    body: bytes = BODY,
    *headers: str,
    method: str = "POST",
    path: str = "",
    length: int | None = -1,
    is_proven: bool = True,
    version: str = "1.1",
) -> bytes:
    """One request that ends its connection. `length` -1 is the true one, None tells none."""
    lines = [
        f"{method} {path or receiver.path} HTTP/{version}",
        "Host: 127.0.0.1",
        "Connection: close",
        *([f"Authorization: Bearer {receiver.secret}"] if is_proven else []),
        *([] if length is None else [f"Content-Length: {len(body) if length == -1 else length}"]),
        *headers,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def say(host: tuple[str, int], *parts: bytes, hang_up: bool = False) -> Answer:
    """All that is answered until the server ends the connection."""
    with socket.create_connection(host, timeout=30) as sock:
        for part in parts:
            sock.sendall(part)
        if hang_up:
            sock.shutdown(socket.SHUT_WR)
        return _answer(_until_the_end(sock))


def say_after_leave(host: tuple[str, int], head: bytes, body: bytes) -> tuple[bytes, Answer]:
    """What is said to the head alone, and then to the body."""
    with socket.create_connection(host, timeout=30) as sock:
        sock.sendall(head)
        leave = sock.recv(65536)
        sock.sendall(body)
        return leave, _answer(_until_the_end(sock))


def _until_the_end(sock: socket.socket) -> Iterable[bytes]:
    return iter(partial(sock.recv, 65536), b"")


def _answer(parts: Iterable[bytes]) -> Answer:
    said = b"".join(parts)
    return Answer([int(status) for status in _HEAD.findall(said)], said)
