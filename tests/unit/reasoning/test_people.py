"""Hypotheses of people: code argues for and against them from the same ledger as for any other."""

from collections.abc import Sequence

import pytest

from analysis.reasoning.reasoners.people import drafts_of
from analysis.types import ChangeFact, HypothesisDraft, Mechanism, Onset, Suggestion
from tests.unit.reasoning.world import change, context, onset, usual

SAID = "as it was in May"


def draft(
    mechanism: Mechanism, *onsets: Onset, changes: Sequence[ChangeFact] = ()
) -> HypothesisDraft:
    found = drafts_of(
        context(), usual(*onsets, changes=changes), [Suggestion("store", mechanism, SAID)]
    )
    assert len(found) == 1
    return found[0]


def test_it_keeps_the_words_and_says_whose_it_is() -> None:
    made = draft(Mechanism.LEAK, onset("store", "memory", -60), onset("front", "errors"))
    assert (made.statement, made.origin, made.score) == (SAID, "human", 0.0)
    assert made.path == ("store", "middle", "front")
    assert any(c.kind == "threshold" and "memory of store" in c.statement for c in made.claims)
    assert all(c.evidence for c in made.claims)
    assert len(made.predictions) >= 2


@pytest.mark.parametrize(
    ("mechanism", "signal"),
    [
        (Mechanism.LEAK, "memory"),
        (Mechanism.SATURATION, "pool"),
        (Mechanism.TRAFFIC, "traffic"),
        (Mechanism.UNKNOWN, "errors"),
    ],
)
def test_the_signal_is_the_one_that_would_show_it(mechanism: Mechanism, signal: str) -> None:
    shifted = [onset("store", name, -60) for name in ("memory", "pool", "traffic", "errors")]
    assert draft(mechanism, *shifted).signal == signal


def test_a_change_is_named_when_there_was_one() -> None:
    made = draft(Mechanism.CHANGE, onset("store", "errors"), changes=[change("store", -40)])
    assert made.trigger is not None
    assert made.trigger.entity == "store"
    assert any(c.kind == "change_preceded" and c.is_for for c in made.claims)


def test_without_a_change_it_says_what_it_would_need() -> None:
    made = draft(Mechanism.CHANGE, onset("store", "errors"))
    assert made.trigger is None
    assert any(c.operands.get("necessary") for c in made.claims)


def test_the_same_suggestion_twice_is_one() -> None:
    twice = [Suggestion("store", Mechanism.LEAK, SAID)] * 2
    assert len(drafts_of(context(), usual(onset("store", "memory")), twice)) == 1
