"""What every connector shares: one error, one way in to the network, and checked JSON shapes."""

import base64
import json
import math
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

from airra.lib import deadline
from airra.lib.http import Failure, HttpClient, HttpError

_MAX_TEXT = 300
_AT_ONCE = 4
_MAX_BYTES = 32 * 1024 * 1024
_SCHEMES = ("Basic ", "Bearer ", "ApiKey ")


class Problem(StrEnum):
    """Why a source could not be read, in words an operator can act on."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    DENIED = "denied"  # 401, 403: the credential
    REJECTED = "rejected"  # other 4xx: the query
    UNAVAILABLE = "unavailable"  # 429, 5xx, a connection that broke
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"  # an answer, but not the promised one: often the wrong address


_RETRYABLE = frozenset({Problem.UNREACHABLE, Problem.TIMEOUT, Problem.UNAVAILABLE})


class ConnectorError(Exception):
    """A source could not be read. `kind` says why; `retryable`, whether later may be better.

    `retry_after_s` is how long the source asked to be left alone, where it did.
    """

    def __init__(
        self,
        kind: Problem,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = kind in _RETRYABLE if retryable is None else retryable
        self.retry_after_s = retry_after_s


class Source:
    """A client of one source. Its connections close with it, at the latest when it is dropped.

    `timeout_s` bounds one read with all its requests; `at_once` the requests that this process
    has under way at the source. Raises `ConnectorError` when URL or secret can be none.
    """

    title = "the source"

    def __init__(
        self,
        url: str,
        *,
        bearer: str = "",
        tenant: str = "",
        timeout_s: float = 10.0,
        max_bytes: int = _MAX_BYTES,
        at_once: int = _AT_ONCE,
    ) -> None:
        self.url = url
        self._timeout_s = timeout_s
        try:
            self._http = HttpClient(
                url,
                headers=_headers(bearer.strip(), tenant.strip()),
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                at_once=at_once,
            )
        except HttpError as error:
            raise _explained(self.title, url, error) from error
        self.close = weakref.finalize(self, self._http.close)

    @contextmanager
    def _reading(self) -> Iterator[HttpClient]:
        """The HTTP client, for one read; whatever goes wrong comes out as a `ConnectorError`."""
        try:
            with deadline.within(self._timeout_s):
                yield self._http
        except HttpError as error:
            raise _explained(self.title, self.url, error) from error


def _headers(secret: str, tenant: str) -> dict[str, str]:
    """A secret names its scheme ("ApiKey …", "Basic user:password") or is a bearer token."""
    headers = {}
    if tenant:
        headers["X-Scope-OrgID"] = _header_text(tenant, "tenant")
    if secret:
        if not secret.startswith(_SCHEMES):
            secret = f"Bearer {secret}"
        scheme, _, rest = secret.partition(" ")
        if scheme == "Basic" and ":" in rest:
            rest = base64.b64encode(rest.encode()).decode()
        headers["Authorization"] = f"{scheme} {_header_text(rest, 'secret')}"
    return headers


def _header_text(text: str, what: str) -> str:
    # Never shown: the text may be a secret.
    if not (text.isascii() and text.isprintable()):
        msg = f"the {what} holds a character that no HTTP header may carry: is it the right one?"
        raise ConnectorError(Problem.DENIED, msg)
    return text


def _explained(title: str, url: str, error: HttpError) -> ConnectorError:
    kind = _kind_of(error)
    if kind is Problem.DENIED:
        text = f"{title} at {url} refused our credential ({error.status}): {_reason_in(error.body)}"
    elif kind is Problem.REJECTED:
        text = f"{title} rejected the query ({error.status}): {_reason_in(error.body)}"
    elif kind is Problem.UNAVAILABLE and error.status:
        text = f"{title} at {url} answered {error.status}: {_reason_in(error.body)}"
    elif kind is Problem.MALFORMED and error.location:
        text = f"{url} redirects to {error.location}: give the address of {title}'s API itself"
    elif kind is Problem.MALFORMED and "<" in str(error):
        text = f"{url} answered a web page, not JSON: is this the address of {title}'s API?"
    else:
        text = f"{title} at {url}: {error}"
    return ConnectorError(kind, text, retry_after_s=error.retry_after_s)


def _kind_of(error: HttpError) -> Problem:
    if error.failure is not Failure.STATUS:
        return {
            Failure.UNREACHABLE: Problem.UNREACHABLE,
            Failure.BUSY: Problem.UNAVAILABLE,
            Failure.TIMEOUT: Problem.TIMEOUT,
            Failure.BROKEN: Problem.UNAVAILABLE,
            Failure.TOO_LARGE: Problem.TOO_LARGE,
        }.get(error.failure, Problem.MALFORMED)
    if error.status in {401, 403}:
        return Problem.DENIED
    if error.status in {404, 405} or 300 <= error.status < 400:
        return Problem.MALFORMED
    return Problem.REJECTED if error.status < 500 and error.status != 429 else Problem.UNAVAILABLE


def _reason_in(body: str) -> str:
    """The vendor's own words: the `error` or `message` of a JSON body, else its first line."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body.strip().partition("\n")[0][:_MAX_TEXT] or "no reason given"
    if isinstance(data, dict):
        found = data.get("error") or data.get("message") or data.get("errors")
        if isinstance(found, dict):
            found = found.get("reason") or found.get("message") or found
        return str(found)[:_MAX_TEXT] if found else "no reason given"
    return str(data)[:_MAX_TEXT]


def refuse_too_many(what: str, count: int, most: int, narrow: str) -> None:
    """Raises when a source sent more than can be taken; `narrow` says how to ask for less."""
    if count > most:
        msg = f"the answer holds more than {most} {what}: narrow it by {narrow}"
        raise ConnectorError(Problem.TOO_LARGE, msg)


def plain(value: object, limit: int = _MAX_TEXT) -> str:
    """Text of a source that any database takes: no NUL, no half of a character, not endless."""
    text = "" if value is None else str(value)[:limit]
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def malformed(where: str, expected: str, got: object) -> NoReturn:
    msg = f"the answer is not understood: {where} should be {expected}, not {type(got).__name__}"
    raise ConnectorError(Problem.MALFORMED, msg)


def as_object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        malformed(where, "an object", value)
    return value


def as_list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        malformed(where, "a list", value)
    return value


def as_number(value: Any, where: str) -> float:
    """A finite number, also when written as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        malformed(where, "a number", value)
    try:
        number = float(value)
    except ValueError:
        malformed(where, "a number", value)
    if not math.isfinite(number):
        malformed(where, "a finite number", value)
    return number
