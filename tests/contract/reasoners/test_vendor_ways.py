"""What only one of the vendors does, and what a chain makes of a provider that keeps failing."""

import json
from dataclasses import replace

import pytest

from analysis.reasoning.gate import LeakStopped
from analysis.reasoning.reasoners.breaker import FAILURES
from analysis.reasoning.reasoners.factory import model_of
from analysis.types import (
    Guidance,
    HypothesisDraft,
    Mechanism,
    ProgressKind,
    ProviderKind,
)
from tests.contract.reasoners.conftest import (
    ATTACK,
    CLAIMS,
    DONE,
    ENOUGH,
    FULL,
    GOOD,
    LATER,
    NO_CHARGE,
    RIVALS,
    STORY,
    Bench,
)
from tests.fakes.model_script import Called, Ends, Said, Wire

only_anthropic = pytest.mark.parametrize("bench", [ProviderKind.ANTHROPIC], indirect=True)
only_openai = pytest.mark.parametrize("bench", [ProviderKind.OPENAI], indirect=True)
TRAP = Called("search_logs", {"service": "front", "contains": "x"})


@only_anthropic
def test_a_paused_turn_goes_on_and_an_operator_may_speak_into_it(bench: Bench) -> None:
    """After an answer of the model there is no place for a system message: a user says it."""
    late = Guidance("Ana", "look at the store", 0.0)
    found = bench.said(Said("Wait.", ends=Ends.PAUSED), *FULL).run(notes_after=1, notes=[late])
    assert found.reasoner == bench.name
    assert "look at the store" in json.dumps(bench.bodies[1]["messages"][-1])
    assert bench.bodies[1]["messages"][-1]["role"] == "user"


@only_anthropic
def test_what_an_operator_said_keeps_its_place_when_a_turn_is_dropped(bench: Bench) -> None:
    note = Guidance("Ana", "look at the store", 0.0)
    bench.said(Said("and th", ends=Ends.LENGTH), *FULL).run(notes=[note])
    roles = [message["role"] for message in bench.bodies[1]["messages"]]
    assert roles == ["user", "system"]
    assert "be briefer" in json.dumps(bench.bodies[1]["messages"][0]).lower()


@only_openai
@pytest.mark.parametrize(
    "said",
    [
        Said(ends=Ends.FILTERED),
        Said(ends=Ends.FAILED, code="bio_policy"),
        Said(ends=Ends.FAILED, code="invalid_prompt"),
    ],
    ids=["filtered", "bio_policy", "invalid_prompt"],
)
def test_a_policy_that_objects_is_a_refusal(bench: Bench, said: Said) -> None:
    found = bench.said(said, *FULL).run()
    assert found.reasoner == bench.name
    assert ProgressKind.REFUSAL in bench.kinds()


@only_openai
@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error", "empty_image_file", ""])
def test_an_answer_that_failed_is_not_used(bench: Bench, code: str) -> None:
    found = bench.said(Said("hm", ends=Ends.FAILED, code=code)).run()
    assert found.reasoner == "offline"


def test_money_under_a_429_is_for_the_administrator(bench: Bench) -> None:
    code = "insufficient_quota" if bench.kind is ProviderKind.OPENAI else "billing_error"
    told = {"x-should-retry": "false"}
    found = bench.said(Said(status=429, code=code, headers=told)).run()
    assert "An administrator" in found.notes[0]


def test_nobody_at_the_address_is_a_failed_connection(bench: Bench) -> None:
    found = bench.run(base_url="http://127.0.0.1:9", timeout_s=1.0)
    assert found.reasoner == "offline"
    assert "the connection failed" in found.notes[0]


def test_an_event_that_is_no_json_is_not_guessed_at(bench: Bench) -> None:
    found = bench.said(Said("hm", wire=Wire.GARBLED)).run()
    assert found.reasoner == "offline"
    assert "no JSON" in found.notes[0]


def test_a_provider_that_keeps_failing_is_left_alone(bench: Bench) -> None:
    breaker = bench.breakers.of(model_of(bench.config, bench.gate()).circuit)
    for _ in range(FAILURES):
        breaker.failed()
    found = bench.said(*FULL).run()
    assert bench.api.attempts == 0
    assert found.reasoner == "offline"
    assert "too often" in found.notes[0]


def test_two_providers_of_the_same_model_fail_apart(bench: Bench) -> None:
    far = replace(bench.config, name="far away", base_url="http://127.0.0.1:9", timeout_s=1.0)
    for _ in range(FAILURES - 1):
        bench.breakers.of(model_of(far, bench.gate()).circuit).failed()
    assert bench.run(chain=[far]).reasoner == "offline"
    found = bench.said(*FULL).run(chain=[far, bench.config])
    assert found.reasoner == bench.name
    assert "too often" in found.notes[0]


def test_a_tool_called_instead_of_an_answer_is_told_back(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said(calls=[TRAP]), Said(GOOD), *LATER).run()
    assert found.reasoner == bench.name
    ((text, is_error),) = bench.results(2)
    assert is_error
    assert "no more tools" in text


def test_a_hypothesis_that_a_person_adds_is_told_and_stays(bench: Bench) -> None:
    added = HypothesisDraft("middle", Mechanism.NETWORK, "latency", "a cable", "human", ())
    found = bench.said(*FULL).run(hypotheses=[(), (added,)])
    assert "a cable" in bench.steered(0)
    mine = next(h for h in found.settlement.hypotheses if h.draft.origin == "human")
    assert mine.draft.statement == "a cable"


def test_an_observation_that_no_tool_makes_is_left_out(bench: Bench) -> None:
    def observation(tool: str, arguments: str) -> dict[str, str]:
        return {"about": "H1", "observation": "o", "tool": tool, "arguments": arguments}

    wrong = [
        observation("rm", "{}"),
        observation("get_onsets", "{"),
        observation("get_onsets", "7"),
    ]
    attack = Said(json.dumps({"observations": wrong}))
    found = bench.said(Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), attack, STORY).run()
    assert any("nobody has tried" in cap for h in found.settlement.hypotheses for cap in h.caps)
    assert bench.api.attempts == 4


def test_the_views_of_tools_are_cut_and_say_so(bench: Bench) -> None:
    bench.said(*FULL).run(views={"get_onsets": "a line of numbers 123\n" * 4000})
    sent = json.dumps(bench.bodies[0])
    assert "narrow the question" in sent
    assert len(sent) < 60_000


def test_a_leak_that_was_stopped_ends_all_sending(bench: Bench) -> None:
    """An identity that got past its pseudonym: nothing is sent, and code settles."""
    gate = bench.gate()
    gate.hide("db.internal")
    gate.pseudonyms.hide = lambda text: text  # type: ignore[method-assign]  # a hole in the veil
    found = bench.said(*FULL).run(gate=gate, views={"get_onsets": "db.internal"})
    assert bench.api.attempts == 0
    assert found.reasoner == "offline"
    assert "nothing more is sent" in found.notes[0]
    assert isinstance(gate.stopped, LeakStopped)


def test_refused_without_others_words_too_it_is_the_next_ones_turn(bench: Bench) -> None:
    """Once refused, others' words stay out for every provider that follows."""
    spare = replace(bench.config, name="spare", model=f"{bench.config.model}-spare")
    no = Said(ends=Ends.REFUSAL)
    found = bench.said(no, no, no).run(chain=[bench.config, spare])
    assert found.reasoner == "offline"
    assert bench.api.attempts == 3
    assert "front: errors" not in json.dumps(bench.bodies[1:])


def test_nothing_to_charge_is_a_finding_too(bench: Bench) -> None:
    found = bench.said(Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), ATTACK, NO_CHARGE).run()
    assert not any("nobody has tried" in c for c in found.settlement.hypotheses[0].caps)
