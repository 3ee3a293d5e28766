"""What a vendor's answer says it used, whole or as a stream, and what that costs.

Shapes: the Messages API of Anthropic (`input_tokens` leaves the cached ones out) and the Responses
API of OpenAI (`input_tokens` counts them in), with the Chat Completions names that compatible
servers still use.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airra.lib.wire import Incoming
from analysis.types import Price, Tokens

_MILLION = 1_000_000
_IDS = ("request-id", "x-request-id")


@dataclass(frozen=True)
class Reading:
    """`is_whole` is False when the answer broke off before it said why it stopped."""

    tokens: Tokens | None
    stop_reason: str
    request_id: str
    is_whole: bool


NOTHING = Reading(None, "", "", is_whole=False)


def read(incoming: Incoming) -> Reading:
    """Tokens, stop reason and request id of an answer; never raises on what a server sends."""
    usage: dict[str, Any] = {}
    stop = ""
    for document in _documents(incoming):
        for part in (document, document.get("message"), document.get("response")):
            if isinstance(part, Mapping):
                usage.update(_numbers(part.get("usage")))
                stop = _stop_of(part) or stop
        delta = document.get("delta")
        if isinstance(delta, Mapping):
            stop = _stop_of(delta) or stop
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    request_id = next((headers[name] for name in _IDS if name in headers), "")
    tokens = _tokens(usage) if usage else None
    return Reading(tokens, stop[:60], request_id[:100], bool(stop))


def cost_usd(price: Price | None, tokens: Tokens) -> float:
    """US dollars; 0 when the price is unknown."""
    if price is None:
        return 0.0
    if price.long is not None and tokens.prompt > price.long_from:
        price = price.long
    dollars = (
        tokens.input * price.input
        + tokens.output * price.output
        + tokens.cache_read * price.cache_read
        + tokens.cache_write * price.cache_write
    )
    return dollars / _MILLION


def _documents(incoming: Incoming) -> Iterator[dict[str, Any]]:
    """The JSON objects of an answer: one, or those of its server-sent events."""
    text = _plain(incoming).decode(errors="replace")
    lines = [text]
    if "text/event-stream" in str(incoming.headers.get("content-type", "")):
        lines = [line[5:] for line in text.splitlines() if line.startswith("data:")]
    for line in lines:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document


def _plain(incoming: Incoming) -> bytes:
    if incoming.headers.get("content-encoding") != "gzip":
        return incoming.body
    try:
        return gzip.decompress(incoming.body)
    except (OSError, EOFError, zlib.error):
        return b""


def _numbers(usage: object) -> dict[str, Any]:
    if not isinstance(usage, Mapping):
        return {}
    details = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    found = {**usage, "cached_tokens": cached}
    return {name: n for name, n in found.items() if isinstance(n, int) and n >= 0}


def _tokens(usage: Mapping[str, int]) -> Tokens:
    cached = usage.get("cached_tokens", 0)
    prompt = usage.get("input_tokens", usage.get("prompt_tokens", 0))
    return Tokens(
        input=max(prompt - cached, 0),
        output=usage.get("output_tokens", usage.get("completion_tokens", 0)),
        cache_read=usage.get("cache_read_input_tokens", cached),
        cache_write=usage.get("cache_creation_input_tokens", 0),
    )


def _stop_of(part: Mapping[str, Any]) -> str:
    """Anthropic's `stop_reason`; OpenAI's `status`, with what made it incomplete."""
    reason = part.get("stop_reason")
    if isinstance(reason, str):
        return reason
    status = part.get("status")
    if status not in {"completed", "incomplete", "failed", "cancelled"}:
        return ""
    details = part.get("incomplete_details")
    why = details.get("reason") if isinstance(details, Mapping) else None
    return f"{status}: {why}" if why else str(status)
