"""A local server that speaks the Messages API of the vendor's published reference, with streams.

It answers from a script, one answer a request, refuses what the real one refuses on current models,
as far as we could get it wrong, and keeps every body it got.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.fakes.event_stream import Event, respond
from tests.fakes.model_script import Ends, Said, Wire, failure, halves, loose_object

_STOPS = {
    Ends.LENGTH: "max_tokens",
    Ends.REFUSAL: "refusal",
    Ends.WINDOW: "model_context_window_exceeded",
    Ends.PAUSED: "pause_turn",
    Ends.UNHEARD_OF: "went_for_a_walk",
}
_MAX_MARKS = 4
_CODES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    429: "rate_limit_error",
}


@dataclass
class MessagesApi:
    """Use `url` as the SDK's base URL."""

    server: HTTPServer
    script: list[Said]
    key: str = "test-key"
    bodies: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0
    _sent: list[list[dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.expect_request("/v1/messages", method="POST").respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("")

    def _answer(self, request: Request) -> Response:
        self.attempts += 1
        body = json.loads(request.data)
        wrong = self._complaint(request, body)
        if wrong:
            return _error(400, "invalid_request_error", wrong)
        self.bodies.append(body)
        said = self.script.pop(0) if self.script else failure(500, "api_error")
        if said.status != 200:
            code = said.code or _CODES.get(said.status, "api_error")
            return _error(said.status, code, "not now", said)
        blocks = _blocks(said)
        self._sent.append(blocks)
        message = _message(body, said, blocks, len(self.bodies))
        if not body.get("stream"):
            return Response(json.dumps(message), mimetype="application/json")
        events = list(_events(message))
        if said.wire is Wire.ERROR:
            error = {"type": "overloaded_error", "message": "not now"}
            events = [*events[:2], ("error", {"type": "error", "error": error})]
            return respond(events, Wire.WHOLE)
        return respond(events, said.wire)

    def _complaint(self, request: Request, body: dict[str, Any]) -> str:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return "credentials"
        if not request.headers.get("anthropic-version"):
            return "anthropic-version"
        banned = {"temperature", "top_p", "top_k", "tool_choice"} & set(body)
        if banned:
            return f"{sorted(banned)} is not supported on this model"
        if body.get("thinking", {}).get("type") not in {None, "adaptive"}:
            return "thinking"
        if json.dumps(body).count('"cache_control"') > _MAX_MARKS:
            return "a maximum of 4 blocks with cache_control"
        strict = [tool["input_schema"] for tool in body.get("tools", ()) if tool.get("strict")]
        shape = body.get("output_config", {}).get("format", {}).get("schema")
        loose = next((loose_object(s) for s in [*strict, shape] if loose_object(s)), "")
        return f"schema: {loose}" if loose else self._wrong_turns(body["messages"])

    def _wrong_turns(self, messages: list[dict[str, Any]]) -> str:
        """Tool uses are answered at once, an operator speaks after a user, blocks come back."""
        if messages[-1]["role"] == "assistant":
            return "prefill is not supported"
        for before, said, after in zip(
            [None, *messages], messages, [*messages[1:], None], strict=False
        ):
            misplaced = _misplaced(before, said, after)
            if misplaced:
                return misplaced
            if said["role"] != "assistant":
                continue
            if said["content"] not in self._sent:
                return "blocks of the assistant cannot be modified"
            asked = {b["id"] for b in said["content"] if b["type"] == "tool_use"}
            blocks = after["content"] if after and isinstance(after["content"], list) else []
            told = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
            if asked != told:
                return f"tool_use without tool_result: {sorted(asked ^ told)}"
        return ""


def _misplaced(
    before: dict[str, Any] | None, said: dict[str, Any], after: dict[str, Any] | None
) -> str:
    """Where the operator may not speak."""
    if said["role"] != "system":
        return ""
    if before is None or before["role"] != "user":
        return "a system message must follow a user message"
    if after is not None and after["role"] != "assistant":
        return "a system message must be last or before an assistant message"
    return ""


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": "c2lnbmVk"})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    blocks += [
        {"type": "tool_use", "id": c.id, "name": c.name, "input": dict(c.arguments)}
        for c in said.calls
    ]
    return blocks


def _message(
    body: dict[str, Any], said: Said, blocks: list[dict[str, Any]], number: int
) -> dict[str, Any]:
    normal = "tool_use" if said.calls else "end_turn"
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": _STOPS.get(said.ends, normal),
        "stop_sequence": None,
        "stop_details": details if said.ends is Ends.REFUSAL else None,
        "usage": {
            "input_tokens": said.input_tokens,
            "output_tokens": said.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": said.cached_tokens,
        },
    }


def _events(message: dict[str, Any]) -> Iterator[Event]:
    """The message as the stream of the reference: one block after the other."""
    start = {**message, "content": [], "stop_reason": None, "stop_details": None}
    yield _event("message_start", message=start)
    yield _event("ping")
    for index, block in enumerate(message["content"]):
        yield _event("content_block_start", index=index, content_block=_opened(block))
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    names = ("stop_reason", "stop_sequence", "stop_details")
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    yield _event("message_delta", delta={name: message[name] for name in names}, usage=usage)
    yield _event("message_stop")


def _event(kind: str, **data: Any) -> Event:
    return kind, {"type": kind, **data}


def _opened(block: dict[str, Any]) -> dict[str, Any]:
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: empty.get(key, value) for key, value in block.items()}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "tool_use":
        for part in halves(json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": part}
        return
    kind = block["type"]
    for part in halves(block[kind]):
        yield {"type": f"{kind}_delta", kind: part}
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}


def _error(status: int, code: str, message: str, said: Said | None = None) -> Response:
    document = {"type": "error", "error": {"type": code, "message": message}}
    headers = dict(said.headers) if said else {"x-should-retry": "false"}
    return Response(
        json.dumps(document), status=status, mimetype="application/json", headers=headers
    )
