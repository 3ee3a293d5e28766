"""Attacks that need no model: background, order; and that a shuffled topology loses support."""

from itertools import pairwise
from random import Random

import pytest

from analysis.reasoning import attacks
from analysis.reasoning.claims import check
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.reasoning.settle import Candidate, settle
from analysis.types import (
    Background,
    CheckedClaim,
    ClaimVerdict,
    Edge,
    Fact,
    HypothesisDraft,
    IncidentContext,
    Mechanism,
    Settlement,
)
from tests.unit.reasoning.world import context, edge, entry, ledger, onset, steady


def draft(entity: str = "store", signal: str = "cpu") -> HypothesisDraft:
    return HypothesisDraft(
        entity=entity,
        mechanism=Mechanism.SATURATION,
        signal=signal,
        statement="",
        origin="model",
        claims=(),
        path=(entity, "front") if entity != "front" else (entity,),
    )


def against(known: Ledger, about: HypothesisDraft) -> list[tuple[str, ClaimVerdict]]:
    found = attacks.attacked(about, known, context()).claims
    checked = [check(claim, known, context()) for claim in found]
    assert all(c is not None and not c.draft.is_for for c in checked)
    return [(c.draft.kind, c.verdict) for c in checked if c is not None]


def earlier(signal: str = "cpu", *, during: float = 9.0, did_shift: bool = True) -> Background:
    up = "up" if did_shift else ""
    return Background("store", signal, 86_400.0, did_shift, up, 1.0, during)


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (earlier(), [("threshold", ClaimVerdict.HOLDS)]),
        (earlier(during=3.0), []),
        (earlier(did_shift=False), []),
        (earlier("errors"), []),
    ],
    ids=["the same", "less than half as far", "it was steady", "another signal"],
)
def test_what_also_happened_the_day_before_is_background(
    then: Background, expected: list[tuple[str, ClaimVerdict]]
) -> None:
    known = ledger(entry(1, "get_onsets", onset("store", "cpu")), entry(2, "get_onsets", then))
    assert against(known, draft()) == expected


@pytest.mark.parametrize(
    ("cause_at", "expected"),
    [(-60.0, []), (20.0, []), (120.0, [("onset_before", ClaimVerdict.HOLDS)])],
    ids=["first", "too close to tell", "after the symptom"],
)
def test_a_symptom_that_came_first_speaks_against_the_cause(
    cause_at: float, expected: list[tuple[str, ClaimVerdict]]
) -> None:
    known = ledger(
        entry(1, "get_onsets", onset("store", "cpu", cause_at)),
        entry(2, "query_metrics", onset("front", "errors")),
    )
    assert against(known, draft()) == expected


def test_nobody_is_attacked_with_nothing() -> None:
    assert not attacks.were_run(ledger(entry(1, "get_onsets", steady("store", "cpu"))))
    assert attacks.were_run(ledger(entry(1, "get_onsets", onset("store", "cpu"))))
    about = draft("front", "errors")
    known = ledger(entry(1, "get_onsets", onset("front", "errors")))
    assert attacks.attacked(about, known, context()) is about


CHAIN = ("edge", "api", "orders", "stock", "disk")
EDGES = (
    *(edge(src, dst) for src, dst in pairwise(CHAIN)),
    edge("edge", "search"),
    edge("api", "mail"),
    edge("search", "index"),
)


def test_a_shuffled_topology_keeps_degrees_and_loses_pairs() -> None:
    made = attacks.shuffled(EDGES, Random(1))
    assert sorted(e.dst for e in made) == sorted(e.dst for e in EDGES)
    assert [e.src for e in made] == [e.src for e in EDGES]
    assert all(e.src != e.dst for e in made)
    real = {(e.src, e.dst) for e in EDGES}
    assert len({(e.src, e.dst) for e in made} & real) <= 1


def fault(chance: Random) -> tuple[Ledger, IncidentContext]:
    """Something deep runs out of memory, and whoever waits for it fails, one after the other."""
    start = chance.randrange(2, len(CHAIN))
    way = CHAIN[: start + 1][::-1]
    facts: list[Fact] = [onset(way[0], "memory", -120)]
    facts += [onset(name, "errors", -120 + 40 * hop) for hop, name in enumerate(way)]
    facts += [steady(name, "memory") for name in ("search", "mail", "index")]
    names = tuple(sorted({name for e in EDGES for name in (e.src, e.dst)}))
    ctx = IncidentContext("INC-1", "", "edge", "high", 1_000_000.0, 1_000_300.0, names, EDGES)
    made = ledger(
        entry(1, "get_topology", *EDGES),
        entry(2, "list_changes"),
        entry(3, "get_onsets", *facts),
        entry(4, "get_resource_state"),
    )
    return made, ctx


def test_claims_lose_their_support_when_the_topology_is_shuffled() -> None:
    """The same hypotheses against permuted edges: at most half of the paths still hold."""
    held = lost = 0
    for seed in range(40):
        chance = Random(seed)
        known, ctx = fault(chance)
        drafts = OfflineReasoner().propose(ctx, known).drafts
        other, elsewhere = attacks.with_shuffled_topology(known, ctx, chance)
        best = _judged(drafts, known, ctx).hypotheses[0]
        after = _judged(drafts, other, elsewhere).hypotheses
        same = next(h for h in after if h.draft is best.draft)
        held += _has_path(best.claims)
        lost += not _has_path(same.claims)
        assert same.confidence <= best.confidence
    assert held == 40
    assert lost >= 20


def _has_path(claims: tuple[CheckedClaim, ...]) -> bool:
    return any(c.draft.kind == "path" and c.verdict is ClaimVerdict.HOLDS for c in claims)


def _judged(drafts: tuple[HypothesisDraft, ...], known: Ledger, ctx: IncidentContext) -> Settlement:
    candidates = [
        Candidate(d, tuple(c for c in (check(one, known, ctx) for one in d.claims) if c))
        for d in drafts
    ]
    return settle(candidates, known, is_offline=False, was_refuted=True)


def test_edges_of_traces_are_turned_as_those_of_the_topology() -> None:
    known, ctx = fault(Random(3))
    other, elsewhere = attacks.with_shuffled_topology(known, ctx, Random(3))
    told = {(e.src, e.dst) for e in elsewhere.edges}
    assert {(e.src, e.dst) for e in other.facts(Edge)} == told
    assert told != {(e.src, e.dst) for e in EDGES}
