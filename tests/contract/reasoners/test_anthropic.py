"""The Claude reasoner over the vendor's SDK against a server that speaks the Messages API."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.anthropic import AnthropicReasoner
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.types import HypothesisState, LedgerEntry, Mechanism
from tests.fakes.messages_api import MessagesApi, Said, failure, text, tool_use
from tests.unit.reasoning.world import EDGES, change, context, entry, onset, steady

Api = Callable[..., MessagesApi]
SECRET = "AKIAIOSFODNN7EXAMPLE"
CLAIM_OF_CHANGE = {
    "kind": "change_preceded",
    "statement": "the release came first",
    "evidence": [2, 3],
    "operands": {"change": "c1", "entity": "front", "signal": "errors"},
    "is_for": True,
}
INVENTED = {
    "kind": "threshold",
    "statement": "errors are at 9000",
    "evidence": [3],
    "operands": {"entity": "front", "signal": "errors", "op": ">", "value": 9000},
    "is_for": True,
}


def hypothesis(*claims: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "entity": "front",
        "mechanism": "change",
        "signal": "errors",
        "statement": "release front 2 broke front",
        "path": ["front"],
        "trigger_change": "c1",
        "predictions": ["a rollback leaves errors as they are"],
        "claims": list(claims),
        **fields,
    }


RIVAL = hypothesis(
    INVENTED, mechanism="leak", entity="store", trigger_change="", statement="store leaks"
)
GOOD = json.dumps({"hypotheses": [hypothesis(CLAIM_OF_CHANGE), RIVAL]})
LOOKED = Said([text("Let me look."), tool_use("search_logs", service="front")], "tool_use")
ENOUGH = Said([text("The release explains it.")])


@pytest.fixture
def api(httpserver: HTTPServer) -> Api:
    return lambda *script: MessagesApi(httpserver, list(script))


def run(api: MessagesApi, *, log_text: str = "", max_turns: int = 6) -> Investigated:
    answers = {
        "get_topology": EDGES,
        "list_changes": (change("front"),),
        "get_onsets": (onset("front", "errors"), steady("front", "traffic")),
    }
    seen: list[LedgerEntry] = []

    def run_tool(name: str, arguments: Mapping[str, Any]) -> LedgerEntry:
        made = entry(len(seen) + 1, name, *answers.get(name, ()), view=log_text)
        if name == "search_logs" and log_text:
            made = entry(len(seen) + 1, name, change("front", id=log_text))
        seen.append(made)
        return made

    reasoner = AnthropicReasoner(
        api_key=api.key, base_url=api.url, model="claude-opus-5-5", effort="medium",
        max_turns=max_turns,
    )  # fmt: skip
    return investigate(
        context(),
        reasoners=[reasoner, OfflineReasoner()],
        suspects=lambda *_: [],
        run_tool=run_tool,
        on_stage=lambda _: None,
    )


def test_it_looks_answers_and_its_claims_are_checked(api: Api) -> None:
    server = api(LOOKED, ENOUGH, Said([text(GOOD)]))
    found = run(server)
    assert found.reasoner == "anthropic:claude-opus-5-5"
    assert found.prompt_version
    assert found.usage["turns"] == 3
    assert found.usage["input_tokens"] == 300
    best, rival = found.settlement.hypotheses
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.CHANGE)
    assert best.draft.origin == "model"
    assert best.draft.trigger is not None
    # It claimed a number that is not so: the claim stands there, failed, and counts for nothing.
    assert [c.verdict for c in rival.claims] == ["fails"]
    assert rival.confidence < best.confidence
    assert rival.state is not HypothesisState.SUPPORTED


def test_requests_are_stable_where_the_cache_wants_them_stable(api: Api) -> None:
    server = api(LOOKED, ENOUGH, Said([text(GOOD)]))
    run(server)
    assert len({json.dumps([b["system"], b["tools"]]) for b in server.bodies}) == 1
    assert server.bodies[0]["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert "INC-1" not in json.dumps(server.bodies[0]["system"])


@pytest.mark.parametrize(
    "said",
    [
        Said([], "refusal"),
        Said([text("and th")], "max_tokens"),
        Said([], "model_context_window_exceeded"),
        Said([], "something_new"),
        failure(529, "overloaded_error"),
        failure(401, "authentication_error"),
        failure(402, "billing_error"),
    ],
    ids=lambda said: f"{said.stop_reason}-{said.status}",
)
def test_whatever_stops_it_the_offline_reasoner_goes_on(api: Api, said: Said) -> None:
    found = run(api(said))
    assert found.reasoner == "offline"
    assert "gave up" in found.notes[0]
    assert found.settlement.hypotheses


def test_an_answer_off_the_schema_is_repaired_once(api: Api) -> None:
    server = api(ENOUGH, Said([text('{"hypotheses": [{}]}')]), Said([text(GOOD)]))
    found = run(server)
    assert found.reasoner.startswith("anthropic")
    assert "did not fit the schema" in server.bodies[-1]["messages"][-1]["content"]


def test_and_then_it_is_given_up(api: Api) -> None:
    found = run(api(ENOUGH, Said([text("no")]), Said([text("still no")])))
    assert found.reasoner == "offline"


def test_an_empty_list_is_an_honest_answer(api: Api) -> None:
    found = run(api(ENOUGH, Said([text('{"hypotheses": []}')])))
    assert found.reasoner.startswith("anthropic")
    assert found.settlement.hypotheses == ()
    assert found.settlement.outcome == "inconclusive"


def test_tools_and_services_it_makes_up_are_told_back_as_errors(api: Api) -> None:
    calls = [tool_use("run_shell", "a", cmd="rm"), tool_use("search_logs", "b", service="vault")]
    server = api(Said(calls, "tool_use"), ENOUGH, Said([text(GOOD)]))
    run(server)
    results = server.bodies[1]["messages"][-1]["content"]
    assert [r["is_error"] for r in results] == [True, True]


def test_turns_are_bounded(api: Api) -> None:
    again = [Said([tool_use("get_onsets", f"t{n}")], "tool_use") for n in range(9)]
    found = run(api(*again[:2], Said([text(GOOD)])), max_turns=2)
    assert found.reasoner.startswith("anthropic")


def test_secrets_in_evidence_never_leave(api: Api) -> None:
    server = api(LOOKED, ENOUGH, Said([text(GOOD)]))
    run(server, log_text=f"key {SECRET} password=hunter22")
    sent = json.dumps(server.bodies)
    assert SECRET not in sent
    assert "hunter22" not in sent
    assert "[redacted cloud key]" in sent
