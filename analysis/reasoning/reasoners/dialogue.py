"""One stage's conversation with one model: what goes in is hidden, what comes back is shown.

Counts turns and tokens, tells progress, and gives the operator's notes in before each turn.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from airra.lib.redact import redact
from analysis.reasoning import prompts
from analysis.reasoning.gate import Gate
from analysis.reasoning.limits import Meter
from analysis.reasoning.schemas import strict_schema
from analysis.reasoning.talk import (
    Conversation,
    Model,
    ReasonerError,
    Stop,
    ToolAnswer,
    ToolCall,
    ToolSpec,
    Turn,
)
from analysis.reasoning.workbench import Workbench
from analysis.types import Progress, ProgressKind, Tokens

A = TypeVar("A", bound=BaseModel)
PULSE_S = 5.0  # how long a cancel may wait while an answer streams in
MAX_SAID = 200  # characters of a model's words that progress shows
_CHARS_A_TOKEN = 12  # no tokenizer needs fewer tokens than one for this many characters
_JSON = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True)
class Room:
    """What every conversation of an investigation shares."""

    bench: Workbench
    meter: Meter
    gate: Gate


class Dialogue:
    def __init__(
        self,
        room: Room,
        model: Model,
        *,
        stage: str,
        system: str,
        tools: Sequence[ToolSpec] = (),
    ) -> None:
        self._room, self._model, self._stage = room, model, stage
        self._talk: Conversation = model.converse(system=system, tools=tools)
        self.turns = 0
        self._notes = 0  # of the operator, how many this conversation has heard
        self._sent = 0  # characters
        self._pulsed = room.meter.clock()

    def say(self, text: str) -> None:
        self._talk.say(self._hidden(text))

    def steer(self, text: str) -> None:
        self._talk.steer(self._hidden(text))

    def answer(self, results: Sequence[ToolAnswer]) -> None:
        self._talk.answer([replace(r, text=self._hidden(r.text)) for r in results])

    def turn(self, schema: Mapping[str, Any] | None = None) -> Turn:
        """Ask once. Raises `ReasonerError`, `Stopped` and `Cancelled`."""
        bench, meter = self._room.bench, self._room.meter
        bench.tell(self._spent())
        self._hear_notes()
        try:
            turn = self._talk.turn(schema=schema, on_words=self._said)
        except ReasonerError as error:
            meter.count(error.tokens, self._model.price)
            raise
        self.turns += 1
        meter.count(turn.tokens, self._model.price)
        bench.tell(self._spent())
        self._check_prompt_was_read(turn.tokens)
        return replace(
            turn,
            text=self._room.gate.show(turn.text),
            calls=tuple(self._shown(call) for call in turn.calls),
        )

    def ask(self, wanted: type[A], question: str) -> A:
        """An answer in the schema of `wanted`; one repair, then `ReasonerError`."""
        schema = strict_schema(wanted)
        if not self._model.capabilities.schema:
            shape = prompts.SHAPE.format(schema=json.dumps(schema, sort_keys=True))
            question = f"{question}\n{shape}"
        self.say(question)
        for _ in range(2):
            turn = self.turn(schema)
            if turn.stop is Stop.TOOLS:
                refused = "no more tools now: the JSON is asked for"
                self.answer([ToolAnswer(c.id, refused, is_error=True) for c in turn.calls])
                complaint = "a tool was called instead"
            elif turn.stop is Stop.LENGTH:
                complaint = "it was cut off at the limit of tokens; be briefer"
            else:
                try:
                    return wanted.model_validate_json(self._json(turn.text))
                except ValidationError as error:
                    complaint = str(error)[:500]
            self.say(prompts.REPAIR.format(error=complaint))
        msg = "its answer did not fit the schema, twice"
        raise ReasonerError(msg)

    def _json(self, text: str) -> str:
        """What stands between the outermost braces, where no schema held the model to JSON."""
        found = None if self._model.capabilities.schema else _JSON.search(text)
        return found.group() if found else text

    def _hear_notes(self) -> None:
        """Notes of the operator, those before a restart too, and hypotheses of people."""
        bench = self._room.bench
        bench.take_guidance()
        for note in bench.guidance[self._notes :]:
            self.steer(prompts.NOTE.format(author=note.author, text=note.text))
        self._notes = len(bench.guidance)
        known = set(bench.rivals)
        bench.take_hypotheses()
        for name in bench.rivals.keys() - known:
            statement = bench.rivals[name].draft.statement
            self.steer(prompts.ADDED.format(name=name, statement=statement))

    def _said(self, words: str) -> None:
        """Called while the answer streams in, so that a cancel does not wait for its end."""
        bench, now = self._room.bench, self._room.meter.clock()
        first = " ".join(self._room.gate.show(words).split())[:MAX_SAID]
        if first:
            step = {"stage": self._stage, "says": first}
            bench.tell(Progress(ProgressKind.STAGE, self._stage, step))
            self._pulsed = now
        elif now - self._pulsed >= PULSE_S:
            bench.pulse()
            self._pulsed = now

    def _spent(self) -> Progress:
        meter = self._room.meter
        text = f"{meter.turns} turns, {meter.tokens.prompt + meter.tokens.output} tokens"
        return Progress(
            ProgressKind.SPENT,
            text,
            {
                "usd": round(meter.cost_usd, 6),
                "turns": meter.turns,
                "tool_calls": meter.tool_calls,
                "reasoner": self._model.name,
                **meter.tokens.to_json(),
            },
        )

    def _check_prompt_was_read(self, tokens: Tokens) -> None:
        """A local server cuts what does not fit its window without a word."""
        if self._model.is_vendors or not tokens.prompt:
            return
        least = self._sent // _CHARS_A_TOKEN
        if tokens.prompt < least:
            msg = f"the server read {tokens.prompt} tokens of at least {least}: raise its window"
            raise ReasonerError(msg)

    def _hidden(self, text: str) -> str:
        hidden = self._room.gate.hide(redact(text))
        self._sent += len(hidden)
        return hidden

    def _shown(self, call: ToolCall) -> ToolCall:
        if call.arguments is None:
            return call
        return replace(call, arguments=_each_text(call.arguments, self._room.gate.show))


def _each_text(value: Any, show: Callable[[str], str]) -> Any:
    """The same document with every text in it shown."""
    if isinstance(value, str):
        return show(value)
    if isinstance(value, Mapping):
        return {key: _each_text(part, show) for key, part in value.items()}
    if isinstance(value, list):
        return [_each_text(part, show) for part in value]
    return value
