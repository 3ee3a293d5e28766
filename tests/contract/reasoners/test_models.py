"""Both SDKs end to end against servers that speak their APIs: one suite, each case on both."""

import json

import pytest

from analysis.reasoning.gate import Cassette
from analysis.reasoning.limits import Ended
from analysis.types import (
    Capabilities,
    ClaimVerdict,
    Guidance,
    HypothesisState,
    LeavePolicy,
    Mechanism,
    Outcome,
    ProgressKind,
    ProviderKind,
)
from tests.contract.reasoners.conftest import (
    ATTACK,
    CLAIM_OF_CHANGE,
    CLAIMS,
    DONE,
    ENOUGH,
    FULL,
    GOOD,
    INVENTED,
    LATER,
    RIVALS,
    STORY,
    Bench,
)
from tests.fakes.model_script import Called, Ends, Said, failure

SECRET = "AKIAIOSFODNN7EXAMPLE"


def test_it_states_rivals_claims_concludes_and_is_refuted(bench: Bench) -> None:
    found = bench.said(*FULL).run()
    assert found.reasoner == bench.name
    assert found.ended is Ended.CONCLUDED
    best = found.settlement.hypotheses[0]
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.CHANGE)
    assert best.draft.origin == "model"
    assert best.draft.trigger is not None
    assert [c.verdict for c in best.claims] == [ClaimVerdict.HOLDS]
    assert not any("nobody has tried" in cap for cap in best.caps)
    assert found.narrative == "The release came first [E2, E3]."  # the other sentence cites nothing
    assert found.usage["turns"] == 5
    assert found.usage["input_tokens"] == 500
    assert found.usage["cache_read_tokens"] == 250
    assert found.cost_usd == pytest.approx(5 * (100 * 4 + 50 * 0.2 + 20 * 20) / 1e6)
    assert bench.api.attempts == 5


def test_tools_of_one_turn_run_side_by_side_and_are_told_together(bench: Bench) -> None:
    asked = [
        Called("search_logs", {"service": "front"}),
        Called("get_traces", {"service": "front"}),
        Called("get_onsets", {}),
    ]
    bench.said(Said(calls=[RIVALS]), Said(calls=asked), Said(calls=[CLAIMS, DONE]), *LATER).run()
    told = bench.results(2)
    assert [is_error for _, is_error in told] == [False, False, False]
    assert [json.loads(text)["tool"] for text, _ in told[:2]] == ["search_logs", "get_traces"]
    assert told[2][0] == "already E3"
    kinds = [s.kind for s in bench.told if s.payload.get("tool") in {"search_logs", "get_traces"}]
    started, finished = ProgressKind.TOOL_STARTED, ProgressKind.TOOL_FINISHED
    assert kinds == [started, started, finished, finished]


def test_nothing_is_looked_at_closely_before_there_are_rivals(bench: Bench) -> None:
    early = Called("search_logs", {"service": "front"})
    bench.said(Said(calls=[early]), *FULL).run()
    (text, is_error), *_ = bench.results(1)
    assert is_error
    assert "three rivals" in text


def test_what_it_makes_up_is_told_back(bench: Bench) -> None:
    wrong = [
        Called("run_shell", {"cmd": "rm"}),
        Called("search_logs", {"service": "vault"}),
        Called("record_claims", {"hypothesis": "H9", "claims": []}),
        Called("conclude", {"order": "H1"}),
    ]
    bench.said(Said(calls=[RIVALS, *wrong]), Said(calls=[CLAIMS, DONE]), *LATER).run()
    assert [is_error for _, is_error in bench.results(1)] == [False, True, True, True, True]


def test_a_claim_that_fails_is_told_back_and_stays_on_record(bench: Bench) -> None:
    wrong = Called("record_claims", {"hypothesis": "H2", "claims": [INVENTED, CLAIM_OF_CHANGE]})
    nothing = {**CLAIM_OF_CHANGE, "evidence": [99]}
    lost = Called("record_claims", {"hypothesis": "H1", "claims": [nothing]})
    bench.said(Said(calls=[RIVALS]), Said(calls=[wrong, lost]), Said(calls=[CLAIMS, DONE]), *LATER)
    found = bench.run()
    (text, is_error), (gone, is_gone) = bench.results(2)
    assert (is_error, is_gone) == (True, True)
    assert json.loads(text)[0]["verdict"] == "fails"
    assert json.loads(gone)[0]["verdict"] == "dropped"
    store = next(h for h in found.settlement.hypotheses if h.draft.entity == "store")
    assert ClaimVerdict.FAILS in [c.verdict for c in store.claims]


def test_fewer_than_three_mechanisms_are_asked_for_once_more(bench: Bench) -> None:
    given = RIVALS.arguments["hypotheses"]
    few = Called("record_hypotheses", {"hypotheses": given[:1]})
    unrisky = [{**given[0], "predictions": given[0]["predictions"][1:]}]
    safe = Called("record_hypotheses", {"hypotheses": unrisky})
    bench.said(Said(calls=[safe, few]), Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), *LATER)
    bench.run()
    assert [is_error for _, is_error in bench.results(1)] == [True, True]
    assert [is_error for _, is_error in bench.results(2)] == [False]


def test_ending_in_words_it_is_asked_for_a_structured_answer(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said(GOOD), *LATER).run()
    assert found.reasoner == bench.name
    best, other = found.settlement.hypotheses
    assert (best.draft.entity, best.draft.mechanism) == ("front", Mechanism.CHANGE)
    # It claimed a number that is not so: the claim stands there, failed, and counts for nothing.
    assert [c.verdict for c in other.claims] == [ClaimVerdict.FAILS]
    assert other.confidence < best.confidence
    assert other.state is not HypothesisState.SUPPORTED
    said = [s.payload["says"] for s in bench.told if s.payload.get("says")]
    assert said[:2] == ["The release came first. So it is that.", "The release explains it."]


def test_an_answer_off_the_schema_is_repaired_once(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said('{"hypotheses": [{}]}'), Said(GOOD), *LATER).run()
    assert found.reasoner == bench.name
    assert "did not fit the schema" in json.dumps(bench.bodies[2])


def test_truncated_json_is_repaired_once(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said(GOOD[:90]), Said(GOOD), *LATER).run()
    assert found.reasoner == bench.name


def test_and_then_it_is_given_up(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said("no"), Said("still no")).run()
    assert found.reasoner == "offline"
    assert "twice" in found.notes[0]


def test_an_empty_list_is_an_honest_answer(bench: Bench) -> None:
    found = bench.said(ENOUGH, Said('{"hypotheses": []}')).run()
    assert found.reasoner == bench.name
    assert found.settlement.hypotheses == ()
    assert found.settlement.outcome is Outcome.INCONCLUSIVE


def test_an_answer_cut_at_the_limit_is_dropped_and_asked_for_again(bench: Bench) -> None:
    cut = Said(GOOD[:90], ends=Ends.LENGTH)
    found = bench.said(Said("and th", ends=Ends.LENGTH), ENOUGH, cut, Said(GOOD), *LATER).run()
    assert found.reasoner == bench.name
    assert "be briefer" in json.dumps(bench.bodies[3])
    assert '"and th"' not in json.dumps(bench.bodies[1])


def test_what_the_refuter_finds_necessary_and_missing_refutes(bench: Bench) -> None:
    needed = {**INVENTED, "operands": {**INVENTED["operands"], "necessary": True}}
    charge = {"hypothesis": "H1", "claim": needed}
    bench.said(Said(calls=[RIVALS]), Said(calls=[CLAIMS, DONE]))
    bench.said(ATTACK, Said(json.dumps({"claims": [charge]})), STORY)
    found = bench.run()
    front = next(h for h in found.settlement.hypotheses if h.draft.mechanism == Mechanism.CHANGE)
    assert front.state is HypothesisState.REFUTED


def test_the_refuter_sees_the_index_and_not_the_conversation(bench: Bench) -> None:
    bench.said(Said("Let me see.", calls=[RIVALS]), Said(calls=[CLAIMS, DONE]), *LATER).run()
    assert "Let me see." in json.dumps(bench.bodies[1])
    assert "Let me see." not in json.dumps(bench.bodies[2])
    assert "E3 get_onsets" in json.dumps(bench.bodies[2])


def test_an_operators_note_steers_and_proves_nothing(bench: Bench) -> None:
    note = Guidance("Ana", "it is the store, I am sure", 0.0)
    found = bench.said(*FULL).run(notes=[note])
    assert "it is the store" in bench.steered(0)
    assert not any("store, I am sure" in e.draft.view for e in found.ledger.entries)
    assert found.settlement.hypotheses[0].draft.entity == "front"


def test_a_secret_in_evidence_never_leaves(bench: Bench) -> None:
    bench.said(*FULL).run(views={"get_onsets": f"key {SECRET} of db.internal password=hunter22"})
    sent = json.dumps(bench.bodies)
    assert SECRET not in sent
    assert "hunter22" not in sent
    assert "db.internal" not in sent
    assert "<HOST_1>" in sent


def test_what_was_hidden_is_shown_again_in_what_comes_back(bench: Bench) -> None:
    seen = rivals_about("<HOST_1> is at its limit")
    found = bench.said(Said(calls=[seen]), *FULL[1:]).run(views={"get_onsets": "db.internal"})
    assert any("db.internal is at" in h.draft.statement for h in found.settlement.hypotheses)


def rivals_about(statement: str) -> Called:
    first, *others = RIVALS.arguments["hypotheses"]
    return Called("record_hypotheses", {"hypotheses": [{**first, "statement": statement}, *others]})


def test_a_replay_answers_every_call_byte_for_byte(bench: Bench) -> None:
    """The record of one run plays it again: no server, the same requests, the same settlement."""
    busy = failure(429, retry_after_ms="1")
    first = bench.said(busy, Said("Hm.", thought="I think.", calls=[RIVALS]), *FULL[1:]).run()
    recorded = [call.recorded for call in bench.calls if call.recorded]
    attempts = bench.api.attempts
    bench.calls.clear()
    cassette = Cassette(recorded)
    again = bench.run(gate=bench.gate(cassette=cassette))
    assert bench.api.attempts == attempts
    assert cassette.unplayed == 0
    assert [c.recorded for c in bench.calls] == recorded
    assert again.settlement == first.settlement
    assert again.narrative == first.narrative
    assert again.usage == first.usage


def test_a_model_without_tools_ranks_what_was_collected(bench: Bench) -> None:
    can = Capabilities(tools=False, parallel=False, schema=False)
    prose = [
        Said(f"Here you are:\n{said.text}\nDone.", input_tokens=9000)
        for said in (Said(GOOD), *LATER)
    ]
    found = bench.said(*prose).run(model="gemma-4-31b", capabilities=can)
    assert found.reasoner == f"{bench.kind}:gemma-4-31b"
    assert found.settlement.hypotheses[0].draft.entity == "front"
    for body in bench.bodies:
        assert not {"tools", "thinking", "reasoning", "output_config", "text"} & set(body)


def test_requests_are_stable_where_the_cache_wants_them_stable(bench: Bench) -> None:
    bench.said(*FULL).run()
    fixed = [
        json.dumps([b.get("system"), b.get("instructions"), b["tools"]]) for b in bench.bodies[:2]
    ]
    assert len(set(fixed)) == 1
    assert "INC-1" not in fixed[0]
    first = bench.bodies[0]
    if bench.kind is ProviderKind.ANTHROPIC:
        assert first["system"][0]["cache_control"] == {"type": "ephemeral"}
        assert first["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    else:
        assert all(body["store"] is False for body in bench.bodies)
        assert first["include"] == ["reasoning.encrypted_content"]


def test_the_offline_reasoner_is_a_second_opinion(bench: Bench) -> None:
    found = bench.said(*FULL).run()
    assert found.second_opinion == "The offline reasoner names front too."
    assert "offline" not in json.dumps(bench.bodies)


def test_what_may_not_leave_does_not_even_through_a_check(bench: Bench) -> None:
    """A source that never leaves: no fact of it, no reason that speaks of it, no story."""
    gate = bench.gate(policies={"metrics": LeavePolicy.NEVER})
    wrong = Called("record_claims", {"hypothesis": "H1", "claims": [INVENTED]})
    bench.said(Said(calls=[RIVALS]), Said(calls=[wrong]), Said(calls=[CLAIMS, DONE]), *LATER)
    found = bench.run(gate=gate, views={"get_onsets": "4711 errors"})
    sent = json.dumps(bench.bodies)
    assert "4711" not in sent
    assert "magnitude" not in sent
    assert json.loads(bench.results(2)[0][0])[0]["why"] == "what its source says may not leave"
    assert bench.api.attempts == 5  # and nobody was asked to write it down
    assert found.narrative
