"""The one door to a model: what leaves is looked at once more, and counted.

SDK middleware runs on every attempt, retries included; an exception here means nothing is sent.
"""

import json
from collections.abc import Iterator
from typing import Any

from anthropic import APIRequest, APIResponse, CallNext, Middleware

from airra.lib.redact import found_in


class LeakStopped(Exception):
    """A secret stood in a request; it was not sent."""


def _texts(value: object) -> Iterator[str]:
    """Every text inside a document, decoded, so that JSON escapes hide nothing."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


class Gate(Middleware):
    """Fails closed on secrets, and counts attempts."""

    def __init__(self) -> None:
        self.calls = 0

    def handle(self, request: APIRequest, call_next: CallNext) -> APIResponse[Any]:
        body = json.loads(json.dumps(request.json, default=str))
        kinds = sorted({kind for text in _texts(body) for kind in found_in(text)})
        if kinds:
            msg = f"the request held {', '.join(kinds)}: nothing was sent"
            raise LeakStopped(msg)
        self.calls += 1
        return call_next(request)
