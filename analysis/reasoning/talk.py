"""A conversation with a model in our own words; an adapter for each vendor's API translates.

Thinking is bound to a model and to a conversation, so a conversation never moves to another model:
a stage starts anew, from the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from analysis.types import Capabilities, Price, Tokens


class ReasonerError(Exception):
    """This reasoner cannot go on; the message says why, and another one may take over."""

    def __init__(self, message: str, *, tokens: Tokens | None = None) -> None:
        super().__init__(message)
        self.tokens = tokens or Tokens()  # what was used up to here


class Refused(ReasonerError):
    """The model declined; it may answer when it sees less of what others wrote."""


class Unavailable(ReasonerError):
    """The server is overloaded, fails, or cannot be reached, after the SDK's own retries."""


class Rejected(ReasonerError):
    """Credentials, payment, permission or model: only an administrator can mend it."""


class Stop(StrEnum):
    """Why a turn ended. Whatever is not one of these is a `ReasonerError`."""

    DONE = "done"
    TOOLS = "tools"
    PAUSED = "paused"  # the server wants to be asked to go on
    LENGTH = "length"  # cut off at the limit of tokens: its end is missing


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it. Strict ones are held to their schema by the vendor."""

    name: str
    about: str
    schema: Mapping[str, Any]
    is_strict: bool = False


@dataclass(frozen=True)
class ToolCall:
    """What a model wants run. `arguments` is None where they were no JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True)
class ToolAnswer:
    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True)
class Turn:
    """One answer of a model."""

    stop: Stop
    text: str
    calls: tuple[ToolCall, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)


# A finished block of text or of summarised thinking; empty for whatever else the stream brings.
OnWords = Callable[[str], None]


class Conversation(Protocol):
    """One conversation with one model. Every method takes plain text."""

    def say(self, text: str) -> None:
        """What a user says next."""
        ...

    def steer(self, text: str) -> None:
        """What the operator says: a channel that the output of a tool cannot imitate."""
        ...

    def answer(self, results: Sequence[ToolAnswer]) -> None:
        """The results of all calls of the last turn."""
        ...

    def turn(self, *, schema: Mapping[str, Any] | None, on_words: OnWords) -> Turn:
        """Ask. With a schema the text is JSON of it. A turn cut off or refused leaves no trace.

        Raises `ReasonerError`, or whatever `on_words` raises.
        """
        ...


class Model(Protocol):
    """A model behind a vendor's API or a compatible one."""

    name: str  # vendor:model
    circuit: str  # which provider fails when this one does
    is_vendors: bool  # False: somebody else's model behind a compatible server
    max_turns: int
    price: Price | None
    capabilities: Capabilities

    def converse(self, *, system: str, tools: Sequence[ToolSpec]) -> Conversation: ...

    def close(self) -> None:
        """Give the connections back; nothing is asked after it."""
        ...
