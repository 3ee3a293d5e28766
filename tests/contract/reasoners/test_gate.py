"""Every attempt of both SDKs passes the gate: against real servers, over real sockets."""

import json
from collections.abc import Callable

import anthropic
import openai
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from analysis.reasoning.gate import (
    BudgetExhausted,
    Cassette,
    Ceilings,
    Gate,
    LeakStopped,
    ReplayMiss,
)
from analysis.types import CallStatus, ProviderConfig, ProviderKind
from tests.fakes.gated import CLAUDE, GPT, PRICE, World

SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture(params=list(ProviderKind))
def world(request: pytest.FixtureRequest, httpserver: HTTPServer) -> World:
    return World(httpserver, request.param)


def busy() -> Response:
    return Response("{}", status=529, headers={"retry-after-ms": "1"}, mimetype="application/json")


def test_a_call_is_recorded_with_what_it_used_and_cost(world: World) -> None:
    world.ask(world.gate(), "hello")
    (call,) = world.calls
    assert call.status is CallStatus.SENT
    assert (call.tokens.input, call.tokens.cache_read, call.tokens.output) == (1000, 500, 100)
    assert call.cost_usd == pytest.approx((1000 * 4 + 500 * 0.2 + 100 * 20) / 1e6)
    assert (call.request_id, call.prompt_version) == ("req_7", "7")
    assert call.stop_reason in {"end_turn", "completed"}
    assert call.recorded is not None
    assert call.recorded.request == world.bodies[0]


def test_a_secret_stops_the_call_before_a_connection(world: World) -> None:
    gate = world.gate()
    with pytest.raises(LeakStopped, match="cloud key"):
        world.ask(gate, f"the key is {SECRET}")
    assert world.bodies == []
    (call,) = world.calls
    assert call.status is CallStatus.BLOCKED
    assert call.recorded is None
    assert SECRET not in repr(call)


def test_an_identity_with_a_pseudonym_may_not_leave_unhidden(world: World) -> None:
    gate = world.gate()
    hidden = gate.hide("db7.prod.internal is slow")
    world.ask(gate, hidden)
    with pytest.raises(LeakStopped, match="HOST_1"):
        world.ask(gate, "what of db7.prod.internal?")
    assert len(world.bodies) == 1
    assert b"db7" not in world.bodies[0]


def test_each_retry_passes_the_gate(world: World) -> None:
    world.script = [busy(), busy()]
    world.ask(world.gate(), "hello")
    assert [c.status for c in world.calls] == [CallStatus.FAILED] * 2 + [CallStatus.SENT]
    assert [c.cost_usd > 0 for c in world.calls] == [False, False, True]


def test_turns_end(world: World) -> None:
    gate = world.gate(Ceilings(turns=1))
    world.ask(gate, "hello")
    with pytest.raises(BudgetExhausted, match="1 turns"):
        world.ask(gate, "hello")
    assert len(world.bodies) == 1


def test_money_ends_before_the_call_that_could_pass_it(world: World) -> None:
    gate = world.gate(Ceilings(cost_usd=0.02))
    world.ask(gate, "hello")
    with pytest.raises(BudgetExhausted, match=r"\$0.02"):
        world.ask(gate, "hello", max_tokens=900)
    assert len(world.bodies) == 1


def test_a_record_plays_back_byte_for_byte(world: World) -> None:
    world.script = [busy()]
    first = world.ask(world.gate(), "hello")
    recorded = [c.recorded for c in world.calls if c.recorded]
    sent, world.calls[:] = len(world.bodies), []
    again = world.ask(world.gate(cassette=Cassette(recorded)), "hello")
    assert again == first
    assert len(world.bodies) == sent
    assert [c.recorded for c in world.calls] == recorded
    assert {c.status for c in world.calls} == {CallStatus.REPLAYED}


def test_a_replay_that_asks_something_else_fails_with_the_difference(world: World) -> None:
    world.ask(world.gate(), "hello")
    recorded = [c.recorded for c in world.calls if c.recorded]
    with pytest.raises(ReplayMiss, match="hullo"):
        world.ask(world.gate(cassette=Cassette(recorded)), "hullo")
    assert len(world.bodies) == 1


def test_no_answer_at_all_is_recorded_as_failed(world: World) -> None:
    world.url = "http://127.0.0.1:1"
    with pytest.raises((anthropic.APIConnectionError, openai.APIConnectionError)):
        world.ask(world.gate(), "hello", retries=0)
    (call,) = world.calls
    assert call.status is CallStatus.FAILED
    assert "ConnectError" in call.reason


EVENTS: dict[ProviderKind, Callable[[], list[dict[str, object]]]] = {
    ProviderKind.ANTHROPIC: lambda: [
        {"type": "message_start", "message": {**CLAUDE, "stop_reason": None, "content": []}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 40},
        },
        {"type": "message_stop"},
    ],
    ProviderKind.OPENAI: lambda: [
        {
            "type": "response.created",
            "sequence_number": 1,
            "response": {**GPT, "status": "in_progress", "usage": None},
        },
        {"type": "response.completed", "sequence_number": 2, "response": GPT},
    ],
}


def stream(events: list[dict[str, object]]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def ask_for_stream(world: World, gate: Gate) -> list[str]:
    provider = ProviderConfig("first", world.kind, "m", "low", "k", world.url, price=PRICE)
    http = gate.http_client(provider)
    if world.kind is ProviderKind.ANTHROPIC:
        claude = anthropic.Anthropic(api_key="k", base_url=world.url, http_client=http)
        with claude.messages.create(
            model="m", max_tokens=500, messages=[{"role": "user", "content": "hi"}], stream=True
        ) as said:
            return [event.type for event in said]
    gpt = openai.OpenAI(api_key="k", base_url=world.url, http_client=http)
    with gpt.responses.create(model="m", input="hi", max_output_tokens=500, stream=True) as answer:
        return [event.type for event in answer]


def test_a_stream_is_kept_as_it_came_and_counted(world: World) -> None:
    body = stream(EVENTS[world.kind]())
    world.script = [Response(body, mimetype="text/event-stream")]
    seen = ask_for_stream(world, world.gate())
    (call,) = world.calls
    assert call.status is CallStatus.SENT
    assert call.recorded is not None
    assert call.recorded.response == body
    assert call.tokens.output == (40 if world.kind is ProviderKind.ANTHROPIC else 100)
    gate = world.gate(cassette=Cassette([call.recorded]))
    assert ask_for_stream(world, gate) == seen


def test_a_stream_cut_in_the_middle_is_charged_at_its_dearest(world: World) -> None:
    body = stream(EVENTS[world.kind]()[:1])
    world.script = [Response(body, mimetype="text/event-stream")]
    ask_for_stream(world, world.gate())
    (call,) = world.calls
    assert call.status is CallStatus.FAILED
    assert call.tokens.output == 500
