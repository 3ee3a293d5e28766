"""A server that says exactly the bytes a test tells it to, at the pace it tells."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat

Speak = Callable[[socket.socket, threading.Event], None]


@contextmanager
def raw_server(speak: Speak) -> Iterator[str]:
    """The address of a server; `speak(connection, stop)` is called for each connection."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def converse(connection: socket.socket) -> None:
        with connection:
            try:
                speak(connection, stop)
            except OSError:
                return  # the client has gone, which is what most of these tests wait for

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=converse, args=(connection,), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join(timeout=5)


def saying(head: bytes, *parts: bytes) -> Speak:
    """Reads a request, says everything, hangs up."""

    def speak(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        for part in (head, *parts):
            connection.sendall(part)

    return speak


def dripping(head: bytes, drop: bytes, every_s: float = 0.02) -> Speak:
    """Says `head`, then a drop now and then, for ever."""

    def speak(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(head)
        for part in repeat(drop):
            if stop.wait(every_s):
                return
            connection.sendall(part)

    return speak


def flooding(head: bytes, part: bytes, sent: list[int]) -> Speak:
    """Says `head`, then `part` for ever; `sent` is told how many bytes went out."""

    def speak(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while not stop.is_set():
            connection.sendall(part)
            sent.append(len(part))

    return speak


def silent(connection: socket.socket, stop: threading.Event) -> None:
    """Takes the call and never says a word."""
    stop.wait(5)


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
