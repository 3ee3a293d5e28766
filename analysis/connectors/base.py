"""What every connector shares: one error, one way in to the network, and checked JSON shapes."""

import json
import math
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

from airra.lib.http import Failure, HttpClient, HttpError

_MAX_TEXT = 300


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
    """A source could not be read. `kind` says why; `retryable`, whether later may be better."""

    def __init__(self, kind: Problem, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = kind in _RETRYABLE if retryable is None else retryable


class Source:
    """A client of one source. Its connections close with it, at the latest when it is dropped."""

    title = "the source"

    def __init__(self, url: str, *, bearer: str = "", timeout_s: float = 10.0) -> None:
        self.url = url
        self._http = HttpClient(url, bearer=bearer, timeout_s=timeout_s)
        self.close = weakref.finalize(self, self._http.close)

    @contextmanager
    def _reading(self) -> Iterator[HttpClient]:
        """The HTTP client; whatever goes wrong with it comes out as a `ConnectorError`."""
        try:
            yield self._http
        except HttpError as error:
            raise _explained(self.title, self.url, error) from error


def _explained(title: str, url: str, error: HttpError) -> ConnectorError:
    kind = _kind_of(error)
    if kind is Problem.DENIED:
        text = f"{title} at {url} refused our credential ({error.status})"
    elif kind is Problem.REJECTED:
        text = f"{title} rejected the query ({error.status}): {_reason_in(error.body)}"
    elif kind is Problem.UNAVAILABLE and error.status:
        text = f"{title} at {url} answered {error.status}: {_reason_in(error.body)}"
    elif kind is Problem.MALFORMED and "<" in str(error):
        text = f"{url} answered a web page, not JSON: is this the address of {title}'s API?"
    else:
        text = f"{title} at {url}: {error}"
    return ConnectorError(kind, text)


def _kind_of(error: HttpError) -> Problem:
    if error.failure is not Failure.STATUS:
        return {
            Failure.UNREACHABLE: Problem.UNREACHABLE,
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
    except ValueError:
        return body.strip().partition("\n")[0][:_MAX_TEXT] or "no reason given"
    if isinstance(data, dict):
        found = data.get("error") or data.get("message") or data.get("errors")
        return str(found)[:_MAX_TEXT] if found else "no reason given"
    return str(data)[:_MAX_TEXT]


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
