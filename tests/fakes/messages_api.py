"""A local server that speaks the Messages API of the vendor's published reference.

It answers from a script, one message a call, checks that requests are of the documented form, and
keeps every body it got, so that a test can look at exactly what left.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Block = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """One answer: its content blocks and why it stopped."""

    content: Sequence[Block]
    stop_reason: str = "end_turn"
    status: int = 200


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def tool_use(name: str, call_id: str = "toolu_1", **arguments: Any) -> Block:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def failure(status: int, kind: str) -> Said:
    return Said([{"type": kind, "message": "not now"}], status=status)


@dataclass
class MessagesApi:
    """Use `url` as the SDK's base URL. `bodies` are the requests, as they arrived."""

    server: HTTPServer
    script: list[Said]
    key: str = "test-key"
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.expect_request("/v1/messages", method="POST").respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("")

    def _answer(self, request: Request) -> Response:
        body = json.loads(request.data)
        wrong = self._complaint(request, body)
        if wrong:
            return _error(400, "invalid_request_error", wrong)
        self.bodies.append(body)
        said = self.script.pop(0) if self.script else failure(500, "api_error")
        if said.status != 200:
            return _error(said.status, str(said.content[0]["type"]), "not now")
        return Response(json.dumps(_message(body, said, len(self.bodies))), mimetype=_JSON)

    def _complaint(self, request: Request, body: dict[str, Any]) -> str:
        """What the real one answers with 400 on current models, as far as we could get it wrong."""
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return "credentials"
        if not request.headers.get("anthropic-version"):
            return "anthropic-version"
        banned = {"temperature", "top_p", "top_k", "tool_choice"} & set(body)
        if banned:
            return f"{sorted(banned)} is not supported on this model"
        if body.get("thinking", {}).get("type") not in {None, "adaptive"}:
            return "thinking"
        return _wrong_turns(body["messages"])


_JSON = "application/json"


def _wrong_turns(messages: list[dict[str, Any]]) -> str:
    """Every tool_use is answered, in the next message, by a result of the same id."""
    if messages[-1]["role"] == "assistant":
        return "prefill is not supported"
    for said, after in zip(messages, [*messages[1:], None], strict=True):
        if said["role"] != "assistant":
            continue
        asked = {b["id"] for b in said["content"] if b["type"] == "tool_use"}
        blocks = after["content"] if after and isinstance(after["content"], list) else []
        told = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
        if asked != told:
            return f"tool_use without tool_result: {sorted(asked ^ told)}"
    return ""


def _message(body: dict[str, Any], said: Said, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [dict(block) for block in said.content],
        "stop_reason": said.stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 100,
            "output_tokens": 20,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 50,
        },
    }


def _error(status: int, kind: str, message: str) -> Response:
    document = {"type": "error", "error": {"type": kind, "message": message}}
    headers = {"x-should-retry": "false"}  # tests do not wait for back-off
    return Response(json.dumps(document), status=status, mimetype=_JSON, headers=headers)
