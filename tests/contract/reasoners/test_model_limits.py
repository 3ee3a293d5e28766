"""What ends a search: turns, calls, money, a cancel. Nothing that was found is lost."""

from dataclasses import replace

import pytest

from analysis.reasoning.gate import Ceilings
from analysis.reasoning.limits import Ended, Limits
from analysis.types import (
    Cancelled,
    ClaimVerdict,
    HypothesisState,
    Progress,
)
from tests.contract.reasoners.conftest import (
    CLAIM_OF_CHANGE,
    FULL,
    GOOD,
    INVENTED,
    LATER,
    RIVALS,
    Bench,
)
from tests.fakes.model_script import Called, Said


def test_a_cancel_ends_it_at_once(bench: Bench) -> None:
    def cancel(step: Progress) -> None:
        if step.payload.get("says"):
            raise Cancelled

    with pytest.raises(Cancelled):
        bench.said(Said("I look.", calls=[RIVALS]), *FULL).run(on_progress=cancel)
    assert bench.api.attempts == 1


def test_turns_are_bounded(bench: Bench) -> None:
    looks = [
        Said(calls=[Called("search_logs", {"service": "front", "contains": str(n)})])
        for n in range(9)
    ]
    found = bench.said(Said(calls=[RIVALS]), *looks[:2], Said(GOOD), *LATER).run(max_turns=3)
    assert found.ended is Ended.TURNS
    assert found.reasoner == bench.name
    assert "budget is spent" in bench.steered(2)


def test_tool_calls_are_bounded(bench: Bench) -> None:
    many = [Called("search_logs", {"service": "front", "contains": str(n)}) for n in range(6)]
    bench.said(Said(calls=[RIVALS]), Said(calls=many), Said(GOOD), *LATER)
    found = bench.run(limits=Limits(tool_calls=5))
    told = [is_error for _, is_error in bench.results(2)]
    assert told == [False] * 4 + [True] * 2  # a fifth is kept for the refuter
    assert found.ended is Ended.TOOL_CALLS


def test_turns_without_anything_new_end_it(bench: Bench) -> None:
    again = [Said(calls=[Called("get_onsets", {})]) for _ in range(9)]
    found = bench.said(Said(calls=[RIVALS]), *again[:3], Said(GOOD), *LATER).run()
    assert found.ended is Ended.STALLED
    assert "Nothing new" in bench.steered(3)


def test_the_money_is_overshot_by_no_call_and_nothing_is_lost(bench: Bench) -> None:
    """Each call reserves the most it can cost; the one that could pass the ceiling is not sent."""
    dear = [replace(said, input_tokens=30_000, output_tokens=1_000) for said in FULL]
    ceiling = 0.45
    gate = bench.gate(Ceilings(cost_usd=ceiling))
    found = bench.said(*dear).run(gate=gate, limits=Limits(cost_usd=ceiling))
    assert bench.api.attempts == 2
    assert sum(call.cost_usd for call in bench.calls) <= ceiling
    assert found.is_resumable
    assert "budget ended" in found.settlement.open_questions[0]
    assert found.reasoner == bench.name
    best = found.settlement.hypotheses[0]
    assert [c.verdict for c in best.claims] == [ClaimVerdict.HOLDS]  # what was recorded is there
    assert best.confidence <= 0.60  # nobody could try to break it
    assert len(found.ledger.entries) >= 4


def test_a_budget_that_ends_before_anything_is_argued_is_settled_offline(bench: Bench) -> None:
    found = bench.said(*FULL).run(gate=bench.gate(Ceilings(cost_usd=0.01)))
    assert bench.api.attempts == 0
    assert found.reasoner == "offline"
    assert found.is_resumable
    assert found.settlement.hypotheses


def test_when_every_rival_is_settled_no_more_is_asked(bench: Bench) -> None:
    """One is supported, the others lack what they need: code says enough, not the model."""
    needed = {**INVENTED, "operands": {**INVENTED["operands"], "necessary": True}}
    rose = {**INVENTED, "operands": {**INVENTED["operands"], "value": 5}}
    path = {**CLAIM_OF_CHANGE, "kind": "path", "evidence": [1, 3], "operands": {"path": ["front"]}}
    claims = {"H1": [CLAIM_OF_CHANGE, rose, path], "H2": [needed], "H3": [needed]}
    calls = [Called("record_claims", {"hypothesis": h, "claims": c}) for h, c in claims.items()]
    found = bench.said(Said(calls=[RIVALS]), Said(calls=calls), *LATER).run()
    assert found.ended is Ended.ALL_SETTLED
    states = [h.state for h in found.settlement.hypotheses]
    assert states == [HypothesisState.SUPPORTED, HypothesisState.REFUTED, HypothesisState.REFUTED]
    assert bench.api.attempts == 5


def test_what_was_concluded_is_over_even_with_rivals_open(bench: Bench) -> None:
    found = bench.said(*FULL).run()
    assert found.ended is Ended.CONCLUDED
    assert not found.is_resumable


def test_a_cancel_is_seen_while_an_answer_streams_in(bench: Bench) -> None:
    """Nothing is said, so no step is told; the pulse sees it within seconds."""
    seconds = iter(range(0, 10_000, 3))

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        bench.said(*FULL).run(clock=lambda: float(next(seconds)), pulse=stop)
    assert bench.api.attempts == 1
