"""What left for models: the calls of an investigation, their cost, whether the record holds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.models import Investigation, ModelCall
from analysis.types import CallStatus

MICRO = 1_000_000
_HASHED = (
    "seq", "attempt", "provider", "model", "sdk", "prompt_version", "status", "reason",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_microusd",
    "stop_reason", "request_id", "request_sha", "response_sha",
)  # fmt: skip
_LEFT = (CallStatus.SENT, CallStatus.FAILED)


@dataclass(frozen=True)
class CallRow:
    """One call as the page lists it."""

    call: ModelCall
    has_payload: bool

    @property
    def cost_usd(self) -> float:
        return self.call.cost_microusd / MICRO

    @property
    def seconds(self) -> float:
        return self.call.latency_ms / 1000

    @property
    def prompt_tokens(self) -> int:
        call = self.call
        return call.input_tokens + call.cache_read_tokens + call.cache_write_tokens


@dataclass(frozen=True)
class Sent:
    """Everything that left for one investigation, or was kept from leaving."""

    rows: Sequence[CallRow]
    is_intact: bool

    @property
    def cost_usd(self) -> float:
        return sum(row.cost_usd for row in self.rows)

    @property
    def is_priced(self) -> bool:
        return all(row.call.is_priced for row in self.rows)

    @property
    def left(self) -> int:
        return sum(row.call.status in _LEFT for row in self.rows)

    @property
    def blocked(self) -> int:
        return sum(row.call.status == CallStatus.BLOCKED for row in self.rows)

    @property
    def bytes_out(self) -> int:
        return sum(row.call.request_bytes for row in self.rows if row.call.status in _LEFT)

    @property
    def tokens(self) -> int:
        return sum(row.prompt_tokens + row.call.output_tokens for row in self.rows)

    @property
    def cached_share(self) -> float | None:
        """Of the prompts' tokens, how many came from a cache; None without any."""
        asked = sum(row.prompt_tokens for row in self.rows)
        cached = sum(row.call.cache_read_tokens for row in self.rows)
        return cached / asked if asked else None


def sent_of(investigation: Investigation) -> Sent:
    """The calls in their order. One query."""
    calls = list(investigation.model_calls.select_related("payload").defer(
        "payload__request", "payload__response"
    ))  # fmt: skip
    rows = [CallRow(call, hasattr(call, "payload")) for call in calls]
    return Sent(rows, not broken(calls))


def broken(calls: Sequence[ModelCall]) -> list[int]:
    """Numbers of calls that were changed, or do not follow the one before."""
    found, previous = [], ""
    for number, call in enumerate(calls, 1):
        is_next = (call.seq, call.prev_hash) == (number, previous)
        if not is_next or call.hash != hash_of(call, previous):
            found.append(call.seq)
        previous = call.hash
    return found


def hash_of(row: ModelCall, previous: str) -> str:
    """SHA-256 over the hash before and what this row says; payloads enter by their digest."""
    body = json.dumps([previous, *(getattr(row, name) for name in _HASHED)])
    return hashlib.sha256(body.encode()).hexdigest()
