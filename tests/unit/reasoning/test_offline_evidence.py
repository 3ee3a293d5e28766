"""The whole way without a model, from ledger to settlement, when a source does not answer."""

import pytest

from analysis.reasoning import attacks
from analysis.reasoning.claims import check
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.reasoning.settle import Candidate, settle
from analysis.types import Outcome, SettledHypothesis, Settlement, Weight
from tests.unit.reasoning.test_injection_twins import WORLDS, World, ledger_of
from tests.unit.reasoning.world import context
from tests.unit.reasoning.worlds import blanked, tainted

IDENTIFIED = Outcome.ROOT_CAUSE_IDENTIFIED
TROUBLED = sorted(set(WORLDS) - {"nothing"})


def concluded(world: World, known: Ledger) -> Settlement:
    """Proposed anew over what is left of the ledger."""
    ctx = context("front", world.edges)
    candidates = []
    for draft in OfflineReasoner().propose(ctx, known).drafts:
        whole = attacks.attacked(draft, known, ctx)
        checked = (check(claim, known, ctx) for claim in whole.claims)
        candidates.append(Candidate(whole, tuple(c for c in checked if c is not None)))
    return settle(candidates, known, is_offline=True, was_refuted=attacks.were_run(known))


def same(one: SettledHypothesis, among: Settlement) -> SettledHypothesis | None:
    def name(h: SettledHypothesis) -> tuple[str, str, str]:
        return h.draft.entity, h.draft.mechanism, h.draft.signal

    return next((h for h in among.hypotheses if name(h) == name(one)), None)


def behind(best: SettledHypothesis) -> set[int]:
    """The numbers of the entries that its strong claims rest on."""
    strong = [c for c in best.claims if c.draft.is_for and c.weight is not Weight.WEAK]
    return {number for claim in strong for number in claim.draft.evidence}


@pytest.mark.parametrize("name", TROUBLED)
def test_without_its_evidence_nothing_is_identified(name: str) -> None:
    world = WORLDS[name]
    known = ledger_of(world, ())
    found = concluded(world, known)
    assert found.outcome is IDENTIFIED
    for harm in (blanked, tainted):
        after = concluded(world, harm(known, behind(found.hypotheses[0])))
        assert after.outcome is not IDENTIFIED, harm


@pytest.mark.parametrize("name", TROUBLED)
@pytest.mark.parametrize("number", range(1, 7))
def test_a_source_that_does_not_answer_makes_nobody_surer(name: str, number: int) -> None:
    """Also when everything is argued anew over what is left."""
    world = WORLDS[name]
    known = ledger_of(world, ())
    best = concluded(world, known).hypotheses[0]
    for harm in (blanked, tainted):
        still = same(best, concluded(world, harm(known, {number})))
        assert still is None or still.confidence <= best.confidence, harm
