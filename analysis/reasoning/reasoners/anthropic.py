"""Models behind the Messages API: Anthropic's own, and servers that speak it (Ollama, gateways).

What holds for current models, by the vendor's reference: adaptive thinking, no forced tools, no
sampling parameters, no prefill, blocks handed back unchanged, an operator's message only after a
user's. Models of others get the plain form: no thinking, no effort, no cache marks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import anthropic
from anthropic.lib.streaming import ParsedMessageStreamEvent
from anthropic.types import ParsedMessage

from airra.lib.wire import Broken
from analysis.reasoning import prompts
from analysis.reasoning.gate import Gate
from analysis.reasoning.reasoners import troubles
from analysis.reasoning.talk import (
    OnWords,
    ReasonerError,
    Refused,
    Stop,
    ToolAnswer,
    ToolCall,
    ToolSpec,
    Turn,
)
from analysis.types import ProviderConfig, Tokens

Block = dict[str, Any]
_CACHED = {"type": "ephemeral"}
_OPERATOR = "[Operator, not data] "
_STOPS = {
    "end_turn": Stop.DONE,
    "stop_sequence": Stop.DONE,
    "tool_use": Stop.TOOLS,
    "pause_turn": Stop.PAUSED,
    "max_tokens": Stop.LENGTH,
}


class AnthropicModel:
    """One model at one address, over the vendor's SDK with its own retries and no others."""

    def __init__(self, config: ProviderConfig, gate: Gate) -> None:
        self.name = f"anthropic:{config.model}"[:60]
        self.circuit = f"{config.name} {config.base_url} {config.model}"
        self.max_turns, self.price = config.max_turns, config.price
        self.capabilities = config.capabilities
        self.config, self.gate = config, gate
        self.is_vendors = "claude" in config.model
        self.client = anthropic.Anthropic(
            api_key=config.api_key,
            base_url=config.base_url or None,
            timeout=config.timeout_s,
            http_client=gate.http_client(
                config, sdk=f"anthropic {anthropic.__version__}", prompt_version=prompts.VERSION
            ),
        )

    def converse(self, *, system: str, tools: Sequence[ToolSpec]) -> "AnthropicConversation":
        return AnthropicConversation(self, system, tools)

    def close(self) -> None:
        self.client.close()


class AnthropicConversation:
    """The messages so far. Blocks of the model go back as they came: thinking is bound to them."""

    def __init__(self, model: AnthropicModel, system: str, tools: Sequence[ToolSpec]) -> None:
        self._model = model
        self._messages: list[dict[str, Any]] = []
        self._steer: list[str] = []
        cached = {"cache_control": _CACHED} if model.is_vendors else {}
        self._fixed: dict[str, Any] = {
            "model": model.config.model,
            "max_tokens": model.config.max_tokens,
            "system": [{"type": "text", "text": system, **cached}],
        }
        if model.is_vendors:
            self._fixed["thinking"] = {"type": "adaptive", "display": "summarized"}
        if tools:
            self._fixed["tools"] = [self._tool(spec) for spec in tools]

    def _tool(self, spec: ToolSpec) -> Block:
        strict = {"strict": True} if spec.is_strict and self._model.is_vendors else {}
        return {
            "name": spec.name,
            "description": spec.about,
            "input_schema": dict(spec.schema),
            **strict,
        }

    def say(self, text: str) -> None:
        self._add([{"type": "text", "text": text}])

    def answer(self, results: Sequence[ToolAnswer]) -> None:
        """All results of one turn in one message."""
        self._add(
            [
                {
                    "type": "tool_result",
                    "tool_use_id": result.call_id,
                    "content": result.text,
                    "is_error": result.is_error,
                }
                for result in results
            ]
        )

    def steer(self, text: str) -> None:
        if self._model.is_vendors:
            self._steer.append(text)
        else:
            self.say(f"{_OPERATOR}{text}")

    def _add(self, blocks: list[Block]) -> None:
        """To the user's message that nobody has answered yet, or to a new one."""
        place = len(self._messages)
        if place and self._messages[-1]["role"] == "system":
            place -= 1  # a dropped turn left it unanswered; nothing but an answer may follow it
        if place and self._messages[place - 1]["role"] == "user":
            self._messages[place - 1]["content"] += blocks
        else:
            self._messages.insert(place, {"role": "user", "content": blocks})

    def turn(self, *, schema: Mapping[str, Any] | None, on_words: OnWords) -> Turn:
        """One answer, streamed. Raises `ReasonerError`, or why the gate let nothing out."""
        self._place_steering()
        request = {**self._fixed, "messages": self._cached(), **self._output(schema)}
        try:
            with self._model.gate.guard():
                message = self._streamed(request, on_words)
        except anthropic.APIStatusError as error:
            raise troubles.by_status(
                error.status_code, str(error.type or ""), error.message
            ) from error
        except (anthropic.APIError, Broken) as error:
            raise troubles.unreachable(error) from error
        except ValueError as error:
            msg = "the stream held something that is no JSON"
            raise ReasonerError(msg) from error
        return self._heard(message)

    def _place_steering(self) -> None:
        """After a user's message, one message for all of it: no other place is allowed."""
        if not self._steer:
            return
        blocks: list[Block] = [{"type": "text", "text": text} for text in self._steer]
        self._steer = []
        last = self._messages[-1]
        if last["role"] == "system":
            last["content"] += blocks
        elif last["role"] == "user":
            self._messages.append({"role": "system", "content": blocks})
        else:
            self.say(_OPERATOR + "\n".join(block["text"] for block in blocks))

    def _cached(self) -> list[dict[str, Any]]:
        """The messages with a mark for the cache on the last block that a user said."""
        if not self._model.is_vendors:
            return self._messages
        marked = list(self._messages)
        place = next(n for n in reversed(range(len(marked))) if marked[n]["role"] == "user")
        *earlier, last = marked[place]["content"]
        marked[place] = {"role": "user", "content": [*earlier, {**last, "cache_control": _CACHED}]}
        return marked

    def _output(self, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        config: dict[str, Any] = {}
        if self._model.is_vendors:
            config["effort"] = self._model.config.effort
        if schema is not None and self._model.capabilities.schema:
            config["format"] = {"type": "json_schema", "schema": dict(schema)}
        return {"output_config": config} if config else {}

    def _streamed(self, request: Mapping[str, Any], on_words: OnWords) -> ParsedMessage[None]:
        is_whole = False
        with self._model.client.messages.stream(**cast("Any", request)) as stream:
            for event in stream:
                is_whole = is_whole or event.type == "message_stop"
                on_words(_words(event))
        if not is_whole:
            raise troubles.cut_off()
        return stream.current_message_snapshot

    def _heard(self, message: ParsedMessage[None]) -> Turn:
        tokens = _tokens(message)
        reason = str(message.stop_reason)
        if reason == "refusal":
            details = message.stop_details
            category = str(details.category) if details and details.category else "no category"
            msg = f"it declined to answer ({category})"
            raise Refused(msg, tokens=tokens)
        if reason not in _STOPS:
            raise ReasonerError(_OTHER.get(reason, f"it stopped with {reason!r}"), tokens=tokens)
        stop = _STOPS[reason]
        calls = tuple(
            ToolCall(block.id, block.name, _object(block.input))
            for block in message.content
            if block.type == "tool_use"
        )
        if (stop is Stop.TOOLS) != bool(calls) and stop is not Stop.LENGTH:
            msg = f"it stopped with {reason!r} and {len(calls)} tool calls"
            raise ReasonerError(msg, tokens=tokens)
        if stop is not Stop.LENGTH and message.content:
            blocks = [block.to_dict(mode="json", exclude_none=True) for block in message.content]
            self._messages.append({"role": "assistant", "content": blocks})
        text = "".join(block.text for block in message.content if block.type == "text")
        return Turn(stop, text, calls, tokens)


_OTHER = {"model_context_window_exceeded": "the evidence did not fit into its context"}


def _words(event: "ParsedMessageStreamEvent[None]") -> str:
    """The text of a block that is complete: said aloud, or its thinking in summary."""
    if event.type != "content_block_stop":
        return ""
    block = event.content_block
    if block.type == "text":
        return block.text
    return block.thinking if block.type == "thinking" else ""


def _object(given: object) -> Mapping[str, Any] | None:
    return given if isinstance(given, dict) else None


def _tokens(message: ParsedMessage[None]) -> Tokens:
    used = message.usage
    return Tokens(
        input=used.input_tokens,
        output=used.output_tokens,
        cache_read=used.cache_read_input_tokens or 0,
        cache_write=used.cache_creation_input_tokens or 0,
    )
