"""A model in memory that says what it is told to, behind the protocol the adapters implement."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.reasoning.talk import (
    Conversation,
    OnWords,
    ReasonerError,
    Stop,
    ToolAnswer,
    ToolSpec,
    Turn,
    Unavailable,
)
from analysis.types import Capabilities, Price, Tokens

Step = Turn | ReasonerError
PRICE = Price(input=4, output=20, cache_read=0.2, cache_write=5)


class ScriptedModel:
    is_vendors = True
    price: Price | None = PRICE
    capabilities = Capabilities()

    def __init__(self, script: Sequence[Step], *, name: str = "scripted", max_turns: int = 30):
        self.name = self.circuit = name
        self.max_turns = max_turns
        self.script = list(script)
        self.asked = 0
        self.is_closed = False

    def converse(self, *, system: str, tools: Sequence[ToolSpec]) -> Conversation:
        return _Scripted(self)

    def close(self) -> None:
        self.is_closed = True


class _Scripted:
    """Insists, as the vendors do, that all calls of a turn are answered before the next."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model = model
        self._waiting: set[str] = set()

    def say(self, text: str) -> None: ...

    def steer(self, text: str) -> None: ...

    def answer(self, results: Sequence[ToolAnswer]) -> None:
        self._waiting -= {result.call_id for result in results}

    def turn(self, *, schema: Mapping[str, Any] | None, on_words: OnWords) -> Turn:
        assert not self._waiting
        self._model.asked += 1
        step = self._model.script.pop(0) if self._model.script else Unavailable("nothing left")
        if isinstance(step, ReasonerError):
            raise step
        if step.text:
            on_words(step.text)
        self._waiting = {call.id for call in step.calls}
        return step


def said(text: str) -> Turn:
    return Turn(Stop.DONE, text, (), Tokens(input=100, output=20))
