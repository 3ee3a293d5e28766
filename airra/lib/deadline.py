"""One deadline for a whole call: connecting, sending, waiting and every byte of the answer.

An HTTP library's time-outs start anew with each read, so a server that drips a byte now and then
holds its caller for ever. Here every socket operation is given what is left of the deadline.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2

_deadline: ContextVar[float | None] = ContextVar("airra_deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything inside ends in time. An outer deadline that is nearer still holds."""
    outer = _deadline.get()
    own = time.monotonic() + seconds
    token = _deadline.set(own if outer is None else min(own, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def left() -> float | None:
    """Seconds until the deadline, never negative; None without one."""
    deadline = _deadline.get()
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


def _shortened(timeout: float | None, over: type[httpcore2.TimeoutException]) -> float | None:
    """`timeout`, but no more than is left. Raises `over` when nothing is."""
    remaining = left()
    if remaining is None:
        return timeout
    if remaining <= 0:
        msg = "the deadline has passed"
        raise over(msg)
    return remaining if timeout is None else min(timeout, remaining)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _shortened(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _shortened(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        limit = _shortened(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Backend(httpcore2.NetworkBackend):
    """Plain TCP whose every operation is bounded by the deadline of the present context."""

    def __init__(self) -> None:
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        limit = _shortened(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, limit, local_address, socket_options))
