"""A server of each kind behind a gate, asked through the vendors' own SDKs."""

import json

import anthropic
import openai
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from analysis.reasoning.gate import Cassette, Ceilings, Gate, Purse
from analysis.types import Call, Price, ProviderConfig, ProviderKind

PRICE = Price(input=4, output=20, cache_read=0.2, cache_write=5)
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "fine"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 1000,
        "output_tokens": 100,
        "cache_read_input_tokens": 500,
        "cache_creation_input_tokens": 0,
    },
}
GPT = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 1500,
        "input_tokens_details": {"cached_tokens": 500, "cache_write_tokens": 0},
        "output_tokens": 100,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1600,
    },
}


class World:
    """A server that answers from a script and remembers every body, and a gate before it."""

    def __init__(self, server: HTTPServer, kind: ProviderKind) -> None:
        self.kind, self.url = kind, server.url_for("")
        self.bodies: list[bytes] = []
        self.calls: list[Call] = []
        self.script: list[Response] = []
        for path in ("/v1/messages", "/responses"):
            server.expect_request(path, method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.bodies.append(request.data)
        if self.script:
            return self.script.pop(0)
        document = CLAUDE if self.kind is ProviderKind.ANTHROPIC else GPT
        return Response(
            json.dumps(document), mimetype="application/json", headers={"request-id": "req_7"}
        )

    def gate(self, ceilings: Ceilings | None = None, cassette: Cassette | None = None) -> Gate:
        purse = Purse(ceilings or Ceilings(), lambda: 0.0)
        return Gate(budget=purse, on_call=self.calls.append, cassette=cassette)

    def ask(self, gate: Gate, text: str, *, retries: int = 2, max_tokens: int = 500) -> str:
        provider = ProviderConfig("first", self.kind, "m", "low", "k", self.url, price=PRICE)
        with gate.guard():
            if self.kind is ProviderKind.ANTHROPIC:
                return self._ask_claude(gate, provider, text, retries, max_tokens)
            return self._ask_gpt(gate, provider, text, retries, max_tokens)

    def _ask_claude(
        self, gate: Gate, provider: ProviderConfig, text: str, retries: int, max_tokens: int
    ) -> str:
        client = anthropic.Anthropic(
            api_key="k", base_url=self.url, max_retries=retries,
            http_client=gate.http_client(provider, sdk="anthropic", prompt_version="7"),
        )  # fmt: skip
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": text}]
        said = client.messages.create(model="m", max_tokens=max_tokens, messages=messages)
        return str(said.stop_reason)

    def _ask_gpt(
        self, gate: Gate, provider: ProviderConfig, text: str, retries: int, max_tokens: int
    ) -> str:
        client = openai.OpenAI(
            api_key="k", base_url=self.url, max_retries=retries,
            http_client=gate.http_client(provider, sdk="openai", prompt_version="7"),
        )  # fmt: skip
        said = client.responses.create(model="m", input=text, max_output_tokens=max_tokens)
        return str(said.status)
