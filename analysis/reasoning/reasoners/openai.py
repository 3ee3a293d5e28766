"""Models behind the Responses API: OpenAI's own, and servers that speak it (vLLM, Ollama).

Nothing is stored at the vendor: `store` is false and the items of the conversation, reasoning in
its encrypted form among them, are sent back each time. Models of others get the plain form.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import openai
from openai.types.responses import Response, ResponseStreamEvent

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

Item = dict[str, Any]
_OPERATOR = "[Operator, not data] "
_VENDORS = re.compile(r"^(ft:)?(gpt-|o\d)(?!oss)")  # gpt-oss runs anywhere, in the plain form
_REFUSALS = frozenset({"invalid_prompt", "bio_policy", "misalignment_policy_violation"})


class OpenAIModel:
    """One model at one address, over the vendor's SDK with its own retries and no others."""

    def __init__(self, config: ProviderConfig, gate: Gate) -> None:
        self.name = f"openai:{config.model}"[:60]
        self.circuit = f"{config.name} {config.base_url} {config.model}"
        self.max_turns, self.price = config.max_turns, config.price
        self.capabilities = config.capabilities
        self.config, self.gate = config, gate
        self.is_vendors = bool(_VENDORS.match(config.model))
        self.client = openai.OpenAI(
            api_key=config.api_key,
            base_url=config.base_url or None,
            timeout=config.timeout_s,
            http_client=gate.http_client(
                config, sdk=f"openai {openai.__version__}", prompt_version=prompts.VERSION
            ),
        )

    def converse(self, *, system: str, tools: Sequence[ToolSpec]) -> "OpenAIConversation":
        return OpenAIConversation(self, system, tools)

    def close(self) -> None:
        self.client.close()


class OpenAIConversation:
    def __init__(self, model: OpenAIModel, system: str, tools: Sequence[ToolSpec]) -> None:
        self._model = model
        self._input: list[Item] = []
        self._fixed: dict[str, Any] = {
            "model": model.config.model,
            "instructions": system,
            "max_output_tokens": model.config.max_tokens,
            "store": False,
            "stream": True,
        }
        if model.is_vendors:
            self._fixed |= {
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": model.config.effort, "summary": "auto"},
                "prompt_cache_key": f"airra-{prompts.VERSION}",
            }
        if tools:
            self._fixed["tools"] = [_tool(spec) for spec in tools]
            self._fixed["parallel_tool_calls"] = model.capabilities.parallel

    def say(self, text: str) -> None:
        self._input.append({"role": "user", "content": text})

    def steer(self, text: str) -> None:
        if self._model.is_vendors:
            self._input.append({"role": "developer", "content": text})
        else:
            self.say(f"{_OPERATOR}{text}")

    def answer(self, results: Sequence[ToolAnswer]) -> None:
        self._input += [
            {
                "type": "function_call_output",
                "call_id": result.call_id,
                "output": f"ERROR: {result.text}" if result.is_error else result.text,
            }
            for result in results
        ]

    def turn(self, *, schema: Mapping[str, Any] | None, on_words: OnWords) -> Turn:
        """One answer, streamed. Raises `ReasonerError`, or why the gate let nothing out."""
        request = {**self._fixed, "input": list(self._input)}
        if schema is not None and self._model.capabilities.schema:
            shape = {"type": "json_schema", "name": "answer", "schema": dict(schema)}
            request["text"] = {"format": {**shape, "strict": True}}
        try:
            with self._model.gate.guard():
                response = self._streamed(request, on_words)
        except openai.APIStatusError as error:
            code = str(error.code or error.type or "")
            raise troubles.by_status(error.status_code, code, error.message) from error
        except openai.APIConnectionError as error:
            raise troubles.unreachable(error) from error
        except openai.APIError as error:  # told inside the stream, after a status of 200
            raise troubles.by_status(200, str(error.code or ""), error.message) from error
        except Broken as error:
            raise troubles.unreachable(error) from error
        except ValueError as error:
            msg = "the stream held something that is no JSON"
            raise ReasonerError(msg) from error
        return self._heard(response)

    def _streamed(self, request: Mapping[str, Any], on_words: OnWords) -> Response:
        final: Response | None = None
        events: Iterable[ResponseStreamEvent] = self._model.client.responses.create(
            **cast("Any", request)
        )
        for event in events:
            match event.type:
                case "response.completed" | "response.incomplete" | "response.failed":
                    final = event.response
                case "error":
                    raise troubles.by_status(200, str(event.code or ""), event.message)
                case "response.output_item.done":
                    on_words(_words(event.item))
                case _:
                    on_words("")
        if final is None:
            raise troubles.cut_off()
        return final

    def _heard(self, response: Response) -> Turn:
        tokens = _tokens(response)
        if response.status == "incomplete":
            return _incomplete(response, tokens)
        if response.status != "completed":
            raise _failed(response, tokens)
        if any(
            part.type == "refusal"
            for item in response.output
            if item.type == "message"
            for part in item.content
        ):
            msg = "it declined to answer"
            raise Refused(msg, tokens=tokens)
        self._input += [item.to_dict(mode="json", exclude_none=True) for item in response.output]
        calls = tuple(
            ToolCall(item.call_id, item.name, _arguments(item.arguments))
            for item in response.output
            if item.type == "function_call"
        )
        return Turn(Stop.TOOLS if calls else Stop.DONE, response.output_text, calls, tokens)


def _tool(spec: ToolSpec) -> Item:
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.about,
        "parameters": dict(spec.schema),
        "strict": spec.is_strict,
    }


def _arguments(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _words(item: Any) -> str:
    if item.type == "message":
        return "".join(part.text for part in item.content if part.type == "output_text")
    if item.type == "reasoning":
        return " ".join(part.text for part in item.summary)
    return ""


def _incomplete(response: Response, tokens: Tokens) -> Turn:
    reason = response.incomplete_details.reason if response.incomplete_details else None
    if reason == "max_output_tokens":
        return Turn(Stop.LENGTH, "", (), tokens)
    if reason == "content_filter":
        msg = "it declined to answer (content filter)"
        raise Refused(msg, tokens=tokens)
    msg = f"it stopped incomplete with {reason!r}"
    raise ReasonerError(msg, tokens=tokens)


def _failed(response: Response, tokens: Tokens) -> ReasonerError:
    code = str(response.error.code) if response.error else ""
    if code in _REFUSALS:
        return Refused(f"it declined to answer ({code})", tokens=tokens)
    if not code:
        return ReasonerError(f"it stopped with {response.status!r}", tokens=tokens)
    return troubles.by_status(200, code, response.error.message if response.error else "")


def _tokens(response: Response) -> Tokens:
    used = response.usage
    if used is None:
        return Tokens()
    details: Any = used.input_tokens_details  # None where a compatible server leaves it out
    cached = getattr(details, "cached_tokens", 0) or 0
    written = getattr(details, "cache_write_tokens", 0) or 0
    return Tokens(
        input=max(used.input_tokens - cached - written, 0),
        output=used.output_tokens,
        cache_read=cached,
        cache_write=written,
    )
