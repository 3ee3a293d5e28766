"""A local server that speaks the Responses API of the vendor's published reference, with streams.

It answers from a script, one answer a request, refuses what the real one refuses, as far as we
could get it wrong, and keeps every body it got.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.fakes.event_stream import Event, respond
from tests.fakes.model_script import Ends, Said, Wire, failure, halves, loose_object

Item = dict[str, Any]
_CODES = {
    400: "invalid_value",
    401: "invalid_api_key",
    402: "billing_hard_limit_reached",
    429: "rate_limit_exceeded",
}

_STATUS = {
    Ends.LENGTH: "incomplete",
    Ends.FILTERED: "incomplete",
    Ends.FAILED: "failed",
    Ends.UNHEARD_OF: "went_for_a_walk",
}
_INCOMPLETE = {Ends.LENGTH: "max_output_tokens", Ends.FILTERED: "content_filter"}


@dataclass
class ResponsesApi:
    """Use `url` as the SDK's base URL."""

    server: HTTPServer
    script: list[Said]
    key: str = "test-key"
    bodies: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0
    _sent: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        expected = self.server.expect_request("/v1/responses", method="POST")
        expected.respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return self.server.url_for("/v1")

    def _answer(self, request: Request) -> Response:
        self.attempts += 1
        body = json.loads(request.data)
        wrong = self._complaint(request, body)
        if wrong:
            return _error(400, "invalid_value", wrong)
        self.bodies.append(body)
        said = self.script.pop(0) if self.script else failure(500, "server_error")
        if said.ends is Ends.WINDOW:
            return _error(400, "context_length_exceeded", "too long")
        if said.status != 200:
            code = said.code or _CODES.get(said.status, "server_error")
            return _error(said.status, code, "not now", said)
        response = _response(body, said, len(self.bodies))
        self._sent += response["output"]
        if not body.get("stream"):
            return Response(json.dumps(response), mimetype="application/json")
        events = list(_events(response))
        if said.wire is Wire.ERROR:
            error = {"type": "error", "code": "server_error", "message": "not now", "param": None}
            events = [*events[:2], ("error", {**error, "sequence_number": 2})]
            return respond(events, Wire.WHOLE)
        return respond(events, said.wire)

    def _complaint(self, request: Request, body: dict[str, Any]) -> str:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return "credentials"
        banned = {"temperature", "top_p"} & set(body)
        if banned:
            return f"unsupported parameter: {sorted(banned)}"
        strict = [tool["parameters"] for tool in body.get("tools", ()) if tool.get("strict")]
        shape = body.get("text", {}).get("format", {})
        schemas = [*strict, shape.get("schema") if shape.get("strict") else None]
        loose = next((loose_object(s) for s in schemas if loose_object(s)), "")
        return f"invalid schema: {loose}" if loose else self._wrong_items(body["input"])

    def _wrong_items(self, items: list[Item]) -> str:
        """Calls are answered, reasoning comes back as it was, before what followed it."""
        called = {item["call_id"] for item in items if item.get("type") == "function_call"}
        told = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
        if called != told:
            return f"no tool output found for function call: {sorted(called ^ told)}"
        for item, after in zip(items, [*items[1:], {}], strict=True):
            if "role" in item and item.get("type") is None:
                if item["role"] not in {"user", "developer", "system"}:
                    return f"role {item['role']!r}"
            elif item["type"] != "function_call_output" and item not in self._sent:
                return f"item {item.get('id')!r} is not as it was given"
            if item.get("type") == "reasoning" and after.get("type") not in {
                "message",
                "function_call",
            }:
                return "reasoning without its required following item"
        return ""


def _response(body: dict[str, Any], said: Said, number: int) -> Item:
    status = _STATUS.get(said.ends, "completed")
    reason = _INCOMPLETE.get(said.ends)
    item_status = "incomplete" if reason else "completed"
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "error": {"code": said.code, "message": "no"} if status == "failed" else None,
        "output": _output(said, number, item_status),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": said.input_tokens + said.cached_tokens,
            "input_tokens_details": {"cached_tokens": said.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": said.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.input_tokens + said.cached_tokens + said.output_tokens,
        },
    }


def _output(said: Said, number: int, status: str) -> list[Item]:
    items: list[Item] = []
    if said.thought:
        items.append(
            {
                "type": "reasoning",
                "id": f"rs_{number}",
                "summary": [{"type": "summary_text", "text": said.thought}],
                "encrypted_content": "c2VhbGVk",
            }
        )
    refusal = said.ends is Ends.REFUSAL
    part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    if refusal:
        part = {"type": "refusal", "refusal": "no"}
    if said.text or refusal or (said.thought and not said.calls):
        items.append(
            {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": status,
                "content": [part],
            }
        )
    items += [
        {
            "type": "function_call",
            "id": f"fc_{number}_{place}",
            "call_id": call.id,
            "name": call.name,
            "arguments": json.dumps(call.arguments),
            "status": status,
        }
        for place, call in enumerate(said.calls)
    ]
    return items


def _events(response: Item) -> Iterator[Event]:
    """The response as the stream of the reference: one item after the other."""
    numbered = enumerate(_plain_events(response))
    return ((data["type"], {**data, "sequence_number": number}) for number, data in numbered)


def _plain_events(response: Item) -> Iterator[Item]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    begun["incomplete_details"] = None
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        opened = {**item, "status": "in_progress"}
        yield {"type": "response.output_item.added", "output_index": index, "item": opened}
        if item["type"] == "function_call":
            for part in halves(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": part}
            done = {"type": "response.function_call_arguments.done", **place}
            yield {**done, "arguments": item["arguments"], "name": item["name"]}
        if item["type"] == "message" and item["content"][0]["type"] == "output_text":
            place |= {"content_index": 0, "logprobs": []}
            text = item["content"][0]["text"]
            for part in halves(text):
                yield {"type": "response.output_text.delta", **place, "delta": part}
            yield {"type": "response.output_text.done", **place, "text": text}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    # A status that no reference lists yet still comes in the event that ends a stream.
    known = {"completed", "incomplete", "failed"}
    name = response["status"] if response["status"] in known else "completed"
    yield {"type": f"response.{name}", "response": response}


def _error(status: int, code: str, message: str, said: Said | None = None) -> Response:
    document = {"error": {"type": code, "code": code, "message": message, "param": None}}
    headers = dict(said.headers) if said else {"x-should-retry": "false"}
    return Response(
        json.dumps(document), status=status, mimetype="application/json", headers=headers
    )
