"""Which model is asked, at what price, and what its vendor keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class ProviderKind(StrEnum):
    """Whose API a server speaks; the server itself may be anybody's."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    long: "Price | None" = None  # for the whole request, once its prompt is longer than …
    long_from: int = 0  # … this many tokens


@dataclass(frozen=True)
class Capabilities:
    """What a model behind a server can do, as a probe found it; vendors' models can do it all."""

    tools: bool = True
    parallel: bool = True  # several tools in one turn
    schema: bool = True  # an answer held to a JSON schema


@dataclass(frozen=True)
class ProviderConfig:
    """One link of the chain; the offline reasoner stands behind the last one."""

    name: str
    kind: ProviderKind
    model: str
    effort: str
    api_key: str
    base_url: str = ""
    max_turns: int = 12
    max_tokens: int = 8000
    timeout_s: float = 120.0
    price: Price | None = None  # None: unknown, so money is not counted and the page says so
    retention: str = ""  # what the vendor keeps, and for how long, in words
    capabilities: Capabilities = Capabilities()


@dataclass(frozen=True)
class Guidance:
    """What an operator says while an investigation runs: it may steer, it proves nothing."""

    author: str
    text: str
    at: float


TakeGuidance = Callable[[], tuple[Guidance, ...]]  # notes that nobody has read yet
