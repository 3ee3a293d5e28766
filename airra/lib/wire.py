"""A client for the vendors' SDKs whose every attempt, retries included, passes a door of ours.

An SDK retries and wraps what its transport raises. A door that refuses therefore answers itself,
with a status that is never retried, and nothing is sent. Whoever made the door knows the reason.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx2

from airra.lib import deadline
from airra.lib.http import Transport

Client = httpx2.Client  # what both SDKs take
Broken = httpx2.TransportError  # a connection that broke, also in the middle of a stream
MAX_ANSWER = 64 * 1024 * 1024
_LONGEST_S = 3600.0


@dataclass(frozen=True)
class Outgoing:
    """One attempt, as it would be sent. Headers stay behind: they hold the key."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Incoming:
    """What came back. `error` says why the body ended early, or why there is no answer at all."""

    status: int = 0  # 0: no answer
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""


class Passage(Protocol):
    """One attempt on its way. `ready` is an answer of our own: then nothing is sent."""

    @property
    def ready(self) -> Incoming | None: ...
    @property
    def seconds_left(self) -> float: ...
    def ended(self, incoming: Incoming) -> None:
        """Called once, after the last byte, also when the connection broke."""
        ...


class Door(Protocol):
    """Looks at each attempt before a connection is made."""

    def enter(self, outgoing: Outgoing) -> Passage: ...


def client(door: Door, *, timeout_s: float) -> Client:
    """A client that only leaves through `door`: no redirects, no proxies of the environment.

    A call is over when the passage's seconds are, however slowly its bytes drip.
    """
    return httpx2.Client(
        transport=_Guarded(door), timeout=timeout_s, follow_redirects=False, trust_env=False
    )


class _Guarded(httpx2.BaseTransport):
    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport = Transport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        body = request.read()
        outgoing = Outgoing(request.method, request.url.raw_path.decode(), body)
        passage = self._door.enter(outgoing)
        if passage.ready is not None:
            return _replayed(passage.ready, request)
        seconds = min(passage.seconds_left, _LONGEST_S)
        until = time.monotonic() + seconds
        # What is recorded is what is read again: no compression on the way back.
        request.headers["Accept-Encoding"] = "identity"
        try:
            with deadline.within(seconds):
                response = self._transport.handle_request(request)
        except httpx2.TransportError as error:
            passage.ended(Incoming(error=f"{type(error).__name__}: {error}"))
            raise
        stream = _Recorded(response, passage, until)
        return httpx2.Response(response.status_code, headers=response.headers, stream=stream)

    def close(self) -> None:
        self._transport.close()


class _Recorded(httpx2.SyncByteStream):
    """Hands bytes on as they come, keeps them, and tells the passage when they end."""

    def __init__(self, response: httpx2.Response, passage: Passage, until: float) -> None:
        self._response, self._passage, self._until = response, passage, until
        self._kept = bytearray()
        self._is_told = False

    def __iter__(self) -> Iterator[bytes]:
        source = self._response.iter_raw()
        try:
            while (part := self._next(source)) is not None:
                self._kept += part
                if len(self._kept) > MAX_ANSWER:
                    msg = f"the answer is larger than {MAX_ANSWER} bytes"
                    raise httpx2.ReadError(msg)
                yield part
        except httpx2.TransportError as error:
            self._tell(f"{type(error).__name__}: {error}")
            raise
        self._tell("")

    def _next(self, source: Iterator[bytes]) -> bytes | None:
        with deadline.within(self._until - time.monotonic()):
            return next(source, None)

    def _tell(self, error: str) -> None:
        if not self._is_told:
            self._is_told = True
            answer = self._response
            self._passage.ended(
                Incoming(answer.status_code, dict(answer.headers), bytes(self._kept), error)
            )

    def close(self) -> None:
        self._tell("closed before its end")
        self._response.close()


class _Played(httpx2.SyncByteStream):
    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def __iter__(self) -> Iterator[bytes]:
        yield self._incoming.body
        if self._incoming.error:
            raise httpx2.ReadError(self._incoming.error)


def _replayed(incoming: Incoming, request: httpx2.Request) -> httpx2.Response:
    if incoming.status == 0:
        raise httpx2.ConnectError(incoming.error, request=request)
    return httpx2.Response(
        incoming.status, headers=dict(incoming.headers), stream=_Played(incoming)
    )
