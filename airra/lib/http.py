"""The only HTTP client: a deadline, size caps, no redirects, and errors that say what happened.

Django-free, so that connectors and executors, which are plain engines, may use it.
"""

import hashlib
import hmac
import json
import ssl
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpcore2
import httpx2

from airra.lib import clock, deadline

_MAX_RATIO = 200  # a matrix of zeros shrinks to a fortieth; a bomb to a thousandth
_RATIO_FREE_BYTES = 1024 * 1024
_MAX_VALUES = 3_000_000
_MAX_WAIT_S = 3600.0


class Failure(StrEnum):
    UNREACHABLE = "unreachable"  # certainly not sent
    BUSY = "busy"  # certainly not sent: our own calls already fill what the target is given
    TIMEOUT = "timeout"  # sent perhaps; the answer never came
    BROKEN = "broken"  # sent; the connection died before the answer ended
    STATUS = "status"  # answered, with an error status
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"  # answered, but not with what was promised


class HttpError(Exception):
    """A call failed. `failure` says how much is certain; `status` and `body` are the answer's.

    `retry_after_s` is what the server asked for, at most an hour; `location` where it redirects.
    """

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        status: int = 0,
        body: str = "",
        retry_after_s: float | None = None,
        location: str = "",
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s
        self.location = location

    @property
    def is_certainly_unsent(self) -> bool:
        return self.failure in {Failure.UNREACHABLE, Failure.BUSY}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        # Every value but the first follows one of these. A hostile answer of empty lists would
        # otherwise take twenty times its own size in memory.
        if sum(self.content.count(sign) for sign in b",[{") > _MAX_VALUES:
            msg = f"the answer holds more than {_MAX_VALUES} values; narrow the query"
            raise HttpError(Failure.TOO_LARGE, msg, status=self.status)
        try:
            return json.loads(self.content)
        except RecursionError as error:
            msg = "the answer is JSON nested too deep to be one"
            raise HttpError(Failure.MALFORMED, msg, status=self.status) from error
        except ValueError as error:
            start = self.content[:80].decode(errors="replace")
            msg = f"the answer is not JSON: {start!r}"
            raise HttpError(Failure.MALFORMED, msg, status=self.status) from error


class Transport(httpx2.HTTPTransport):
    """The library's own, on sockets that keep to our deadline; for our clients only."""

    def __init__(self) -> None:
        super().__init__(verify=_trust())
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_trust(), network_backend=deadline.Backend()
        )


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, or those of SSL_CERT_FILE. Read once a process: it costs 20 ms."""
    return httpx2.create_ssl_context()


class HttpClient:
    """Calls below one base URL. `timeout_s` bounds a whole call; `max_bytes` the decoded body.

    `at_once` caps the calls this process makes to the base URL at a time, over all its clients;
    0 is no cap. Raises `HttpError` when the URL is none.
    """

    def __init__(
        self,
        base_url: str,
        *,
        bearer: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        max_bytes: int = 32 * 1024 * 1024,
        at_once: int = 0,
    ) -> None:
        own = {"User-Agent": "AIRRA", "Accept": "application/json", "Accept-Encoding": "gzip"}
        if bearer:
            own["Authorization"] = f"Bearer {bearer}"
        self.timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._slots = _slots_of(base_url, at_once) if at_once else None
        try:
            self._client = httpx2.Client(
                base_url=base_url.rstrip("/"),
                headers={**own, **(headers or {})},
                timeout=timeout_s,
                follow_redirects=False,
                trust_env=False,
                transport=Transport(),
            )
        except httpx2.InvalidURL as error:
            msg = f"{base_url!r} is no address: {error}"
            raise HttpError(Failure.UNREACHABLE, msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def get_json(self, path: str, *, params: Mapping[str, str | int | float] | None = None) -> Any:
        """The JSON of a 2xx answer. Raises `HttpError` otherwise."""
        return self._accepted("GET", path, params=dict(params or {})).json()

    def post_json(
        self, path: str, body: Any, *, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """The JSON of a 2xx answer to a JSON body: for APIs whose reads are POSTs."""
        return self._accepted("POST", path, json=body, params=dict(params or {})).json()

    def post_form(self, path: str, form: Mapping[str, str]) -> bytes:
        """The body of a 2xx answer, for callers that decode it themselves."""
        return self._accepted("POST", path, data=dict(form)).content

    def post_bytes(self, path: str, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """One POST, never repeated. Any status is returned, so that the caller may judge it."""
        return self._send("POST", path, content=body, headers=dict(headers))

    def patch_bytes(self, path: str, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """One PATCH, never repeated. Any status is returned, so that the caller may judge it."""
        return self._send("PATCH", path, content=body, headers=dict(headers))

    def get(self, path: str) -> Answer:
        """One GET. Any status is returned."""
        return self._send("GET", path)

    def _accepted(self, method: str, path: str, **kwargs: Any) -> Answer:
        answer = self._send(method, path, **kwargs)
        if not 200 <= answer.status < 300:
            body = answer.content[:2000].decode(errors="replace")
            raise HttpError(
                Failure.STATUS,
                f"{method} {path} answered {answer.status}: {body[:500]}",
                status=answer.status,
                body=body,
                retry_after_s=_retry_after(answer.headers),
                location=answer.headers.get("location", "")[:200],
            )
        return answer

    def _send(self, method: str, path: str, **kwargs: Any) -> Answer:
        try:
            with (
                deadline.within(self.timeout_s),
                self._slot(),
                self._client.stream(method, path, **kwargs) as response,
            ):
                return Answer(response.status_code, response.headers, self._capped(response))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            msg = f"cannot connect: {error}"
            raise HttpError(Failure.UNREACHABLE, msg) from error
        except httpx2.TimeoutException as error:
            msg = f"{method} {path}: no whole answer within {self.timeout_s:g} s"
            raise HttpError(Failure.TIMEOUT, msg) from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            msg = f"{method} {path}: the connection broke: {error}"
            raise HttpError(Failure.BROKEN, msg) from error

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """One of the calls the target is given at a time; waits for it until the deadline."""
        if self._slots is None:
            yield
            return
        if not self._slots.acquire(timeout=deadline.left()):
            msg = f"all our calls to it were taken for {self.timeout_s:g} s"
            raise HttpError(Failure.BUSY, msg)
        try:
            yield
        finally:
            self._slots.release()

    def _capped(self, response: httpx2.Response) -> bytes:
        """The decoded body. Bytes are counted as they come out, so a bomb never unfolds."""
        status = response.status_code
        encoding = response.headers.get("content-encoding", "")
        if "," in encoding:
            msg = f"the answer is packed more than once ({encoding[:60]})"
            raise HttpError(Failure.MALFORMED, msg, status=status)
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._max_bytes:
                msg = f"the answer is larger than {self._max_bytes} bytes; narrow the query"
                raise HttpError(Failure.TOO_LARGE, msg, status=status)
            if size > max(_RATIO_FREE_BYTES, response.num_bytes_downloaded * _MAX_RATIO):
                msg = f"the answer unpacks to more than {_MAX_RATIO} times its size: a bomb"
                raise HttpError(Failure.TOO_LARGE, msg, status=status)
            parts.append(part)
        return b"".join(parts)


_all_slots: weakref.WeakValueDictionary[tuple[str, int], threading.BoundedSemaphore]
_all_slots = weakref.WeakValueDictionary()
_all_slots_lock = threading.Lock()


def _slots_of(base_url: str, at_once: int) -> threading.BoundedSemaphore:
    """Shared by all clients of this URL in this process; gone with the last of them."""
    key = (base_url.rstrip("/"), at_once)
    with _all_slots_lock:
        slots = _all_slots.get(key)
        if slots is None:
            slots = _all_slots[key] = threading.BoundedSemaphore(at_once)
        return slots


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, whether the server named seconds or a date; None when it named neither."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_WAIT_S)
    try:
        at: datetime = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    if at.tzinfo is None:
        return None
    return min(max((at - clock.now()).total_seconds(), 0.0), _MAX_WAIT_S)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>` of HMAC-SHA256 over "<timestamp>.<body>", as our action webhook signs."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"
