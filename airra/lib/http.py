"""The only HTTP client: time-outs, a size cap, no redirects, and errors that say what happened.

Django-free, so that connectors and executors, which are plain engines, may use it.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import httpx2


class Failure(StrEnum):
    UNREACHABLE = "unreachable"  # certainly not sent
    TIMEOUT = "timeout"  # sent perhaps; the answer never came
    BROKEN = "broken"  # sent; the connection died before the answer ended
    STATUS = "status"  # answered, with an error status
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"  # answered, but not with what was promised


class HttpError(Exception):
    """A call failed. `failure` says how much is certain; `status` and `body` are the answer's."""

    def __init__(self, failure: Failure, message: str, *, status: int = 0, body: str = "") -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status
        self.body = body

    @property
    def is_certainly_unsent(self) -> bool:
        return self.failure is Failure.UNREACHABLE


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except ValueError as error:
            start = self.content[:80].decode(errors="replace")
            msg = f"the answer is not JSON: {start!r}"
            raise HttpError(Failure.MALFORMED, msg, status=self.status) from error


class HttpClient:
    """Calls below one base URL. `timeout_s` bounds each phase; `max_bytes` the decoded body."""

    def __init__(
        self,
        base_url: str,
        *,
        bearer: str = "",
        timeout_s: float = 10.0,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        headers = {"User-Agent": "AIRRA", "Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        self._max_bytes = max_bytes
        self._client = httpx2.Client(
            base_url=base_url.rstrip("/"),
            headers=headers,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

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

    def post_form(self, path: str, form: Mapping[str, str]) -> bytes:
        """The body of a 2xx answer, for callers that decode it themselves."""
        return self._accepted("POST", path, data=dict(form)).content

    def post_bytes(self, path: str, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """One POST, never repeated. Any status is returned, so that the caller may judge it."""
        return self._send("POST", path, content=body, headers=dict(headers))

    def get(self, path: str) -> Answer:
        """One GET. Any status is returned."""
        return self._send("GET", path)

    def _accepted(self, method: str, path: str, **kwargs: Any) -> Answer:
        answer = self._send(method, path, **kwargs)
        if not 200 <= answer.status < 300:
            body = answer.content[:500].decode(errors="replace")
            msg = f"{method} {path} answered {answer.status}: {body}"
            raise HttpError(Failure.STATUS, msg, status=answer.status, body=body)
        return answer

    def _send(self, method: str, path: str, **kwargs: Any) -> Answer:
        try:
            with self._client.stream(method, path, **kwargs) as response:
                return Answer(response.status_code, response.headers, self._capped(response))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol) as error:
            msg = f"cannot connect: {error}"
            raise HttpError(Failure.UNREACHABLE, msg) from error
        except httpx2.TimeoutException as error:
            msg = f"{method} {path}: no answer in time"
            raise HttpError(Failure.TIMEOUT, msg) from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            msg = f"{method} {path}: the connection broke: {error}"
            raise HttpError(Failure.BROKEN, msg) from error

    def _capped(self, response: httpx2.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._max_bytes:
                msg = f"the answer is larger than {self._max_bytes} bytes; narrow the query"
                raise HttpError(Failure.TOO_LARGE, msg, status=response.status_code)
            parts.append(part)
        return b"".join(parts)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>` of HMAC-SHA256 over "<timestamp>.<body>", as our action webhook signs."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={mac.hexdigest()}"
