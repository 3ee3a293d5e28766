"""Calls to models, as the gate hands them over."""

from dataclasses import replace
from typing import Any

from analysis.types import Call, CallStatus, Recorded, Tokens

BODY = b'{"model":"claude-opus-5-5","messages":[{"role":"user","content":"why?"}]}'
ANSWER = b'{"content":[{"type":"text","text":"a deploy"}],"stop_reason":"end_turn"}'
RECORDED = Recorded("POST", "/v1/messages", BODY, 200, {"content-type": "json"}, ANSWER)
SENT = Call(
    provider="anthropic",
    model="claude-opus-5-5",
    sdk="anthropic 2.12.0",
    prompt_version="7",
    started_at=1_790_000_000.0,
    latency_ms=1200,
    status=CallStatus.SENT,
    reason="",
    request_sha="a" * 64,
    tokens=Tokens(input=1000, output=100, cache_read=500),
    cost_usd=0.0061,
    stop_reason="end_turn",
    request_id="req_1",
    recorded=RECORDED,
)


def call(**changes: Any) -> Call:
    return replace(SENT, **changes)
