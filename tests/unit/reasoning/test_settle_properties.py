"""What no evidence may do to confidence: the promises of `settle`, over random worlds."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reasoning.ledger import Ledger
from analysis.reasoning.settle import MIN_CONFIDENCE, Candidate, is_decisive, settle
from analysis.types import (
    ClaimDraft,
    ClaimVerdict,
    HypothesisDraft,
    HypothesisState,
    Mechanism,
    Outcome,
    SettledHypothesis,
    Settlement,
)
from tests.unit.reasoning.world import change, entry, onset, steady
from tests.unit.reasoning.worlds import (
    CTX,
    World,
    blanked,
    dropped,
    some_of,
    tainted,
    worlds,
)

REFUTED, SUPPORTED = HypothesisState.REFUTED, HypothesisState.SUPPORTED
HARM = pytest.mark.parametrize("harm", [blanked, dropped, tainted])
T = TypeVar("T")
SEEDS = st.integers(0, 2**32)
Harm = Callable[[Ledger, set[int]], Ledger]


def judged(world: World, ledger: Ledger | None = None, *, offline: bool = False) -> Settlement:
    over = world.ledger if ledger is None else ledger
    return settle(world.candidates(over), over, is_offline=offline, was_refuted=True)


def by_name(found: Settlement) -> dict[str, SettledHypothesis]:
    return {h.draft.entity: h for h in found.hypotheses}


@HARM
@given(world=worlds(), seed=SEEDS)
@settings(max_examples=500, deadline=None)
def test_less_evidence_never_makes_surer(harm: Harm, world: World, seed: int) -> None:
    left = harm(world.ledger, some_of(world, seed))
    before, after = by_name(judged(world)), by_name(judged(world, left))
    assert set(after) == set(before)
    for name, was in before.items():
        if was.state is REFUTED:
            assert after[name].confidence <= max(was.confidence, 0.40)
        else:
            assert after[name].confidence <= was.confidence
        if was.state is not SUPPORTED:
            assert after[name].state is not SUPPORTED


@HARM
@given(world=worlds(), seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_nobody_is_refuted_by_what_is_gone_or_tainted(harm: Harm, world: World, seed: int) -> None:
    left = harm(world.ledger, some_of(world, seed))
    before, after = by_name(judged(world)), by_name(judged(world, left))
    for name, now in after.items():
        if now.state is REFUTED:
            assert before[name].state is REFUTED


@given(world=worlds())
@settings(max_examples=300, deadline=None)
def test_a_decisive_claim_over_blank_evidence_decides_nothing(world: World) -> None:
    for candidate in world.candidates():
        if not is_decisive(candidate):
            continue
        behind = {n for c in candidate.support for n in c.draft.evidence}
        for harm in (blanked, dropped, tainted):
            after = by_name(judged(world, harm(world.ledger, behind)))[candidate.draft.entity]
            assert after.state is not SUPPORTED
            assert after.confidence < MIN_CONFIDENCE


@given(world=worlds(), seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_no_order_decides_anything(world: World, seed: int) -> None:
    chance = Random(seed)

    def mixed(given_: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(chance.sample(given_, len(given_)))

    drafts = [
        replace(
            draft,
            claims=mixed(tuple(replace(c, evidence=mixed(c.evidence)) for c in draft.claims)),
        )
        for draft in world.drafts
    ]
    other = World(Ledger(mixed(world.ledger.entries)), mixed(tuple(drafts)))
    one, two = judged(world), judged(other)
    assert one.outcome is two.outcome
    for mine, theirs in zip(one.hypotheses, two.hypotheses, strict=True):
        assert (mine.draft.entity, mine.confidence, mine.state, mine.caps, mine.is_tainted) == (
            theirs.draft.entity,
            theirs.confidence,
            theirs.state,
            theirs.caps,
            theirs.is_tainted,
        )


@given(world=worlds())
@settings(max_examples=200, deadline=None)
def test_a_claim_that_fails_never_helps(world: World) -> None:
    first, *rest = everybody = world.candidates()
    before = settle(everybody, world.ledger, is_offline=False, was_refuted=True)
    name = first.draft.entity
    for more in (c for h in everybody for c in h.claims if c.verdict is ClaimVerdict.FAILS):
        burdened = Candidate(first.draft, (*first.claims, more))
        after = settle([burdened, *rest], world.ledger, is_offline=False, was_refuted=True)
        assert by_name(after)[name].confidence <= by_name(before)[name].confidence


@given(world=worlds())
@settings(max_examples=200, deadline=None)
def test_every_finding_stands_on_evidence(world: World) -> None:
    numbers = {e.seq for e in world.ledger.entries}
    for hypothesis in judged(world).hypotheses:
        for claim in hypothesis.claims:
            assert set(claim.draft.evidence) <= numbers


def test_what_is_identified_falls_with_its_evidence() -> None:
    """A whole case: the release before the errors, its path and healthy peers."""
    ledger = Ledger(
        (
            entry(1, "list_changes", change("store", -60)),
            entry(2, "get_onsets", onset("store", "errors", -20), onset("front", "errors")),
            entry(3, "get_onsets", steady("middle", "cpu"), steady("front", "cpu")),
            entry(4, "get_topology", *CTX.edges),
        )
    )
    world = World(ledger, (_release("store", (1, 2), (2, 4)),))
    assert judged(world).outcome is Outcome.ROOT_CAUSE_IDENTIFIED
    for harm in (blanked, dropped, tainted):
        for number in (1, 2, 4):
            after = judged(world, harm(ledger, {number}))
            assert after.outcome is not Outcome.ROOT_CAUSE_IDENTIFIED, (harm, number)


def _release(name: str, of_change: tuple[int, ...], of_path: tuple[int, ...]) -> HypothesisDraft:
    shift = {"entity": name, "signal": "errors"}
    necessary = {**shift, "change": "c1", "necessary": True}
    return HypothesisDraft(
        entity=name,
        mechanism=Mechanism.CHANGE,
        signal="errors",
        statement=f"the release broke {name}",
        origin="offline",
        claims=(
            ClaimDraft("change_preceded", "it came before", of_change, necessary),
            ClaimDraft("threshold", "errors rose", of_change, {**shift, "op": ">", "value": 5}),
            ClaimDraft("path", "up to front", of_path, {"path": ["store", "middle", "front"]}),
        ),
        score=1.0,
    )
