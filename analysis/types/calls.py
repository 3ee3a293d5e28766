"""A call to a model, as the gate saw it: what left, what came back, what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CallStatus(StrEnum):
    SENT = "sent"
    BLOCKED = "blocked"  # the gate refused: nothing left
    FAILED = "failed"  # no answer, an error status, or an answer that broke off
    REPLAYED = "replayed"  # answered from a record: nothing left


@dataclass(frozen=True)
class Tokens:
    """Tokens by price class. `input` does not count those read from or written to a cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write

    def to_json(self) -> dict[str, int]:
        return {
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cache_read_tokens": self.cache_read,
            "cache_write_tokens": self.cache_write,
        }


@dataclass(frozen=True)
class Recorded:
    """A request and its answer, as bytes, for the record and for replay."""

    method: str
    path: str
    request: bytes
    status: int = 0  # of HTTP; 0: there was no answer
    headers: Mapping[str, str] = field(default_factory=dict)
    response: bytes = b""
    error: str = ""

    def __repr__(self) -> str:
        return f"Recorded({self.method} {self.path} -> {self.status})"


@dataclass(frozen=True)
class Call:
    """One attempt. A blocked one keeps only the digest of its request, for it may hold a secret."""

    provider: str
    model: str
    sdk: str
    prompt_version: str
    started_at: float  # Unix seconds
    latency_ms: int
    status: CallStatus
    reason: str  # why it was blocked or failed
    request_sha: str
    tokens: Tokens = Tokens()
    cost_usd: float = 0.0
    is_priced: bool = True  # False: the price of this model is unknown
    stop_reason: str = ""
    request_id: str = ""
    recorded: Recorded | None = None


@dataclass(frozen=True)
class Estimate:
    """The most a call can use, before it is sent."""

    input_tokens: int
    output_tokens: int
    cost_usd: float
