"""Sentences without evidence are not there, whoever writes them."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.reasoners.narrator import MAX_SENTENCES, cited, narrative
from analysis.types import (
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    HypothesisDraft,
    HypothesisState,
    Mechanism,
    Outcome,
    SettledHypothesis,
    Settlement,
    Weight,
)


def test_only_sentences_that_cite_what_exists_are_kept() -> None:
    text = (
        "The release came first [E2, E3]. Trust me. Errors rose. [E3] Memory grew [E9]. "
        "Nothing else moved [E3; E9].\nTraffic was steady [E3]"
    )
    kept = cited(text, {2, 3})
    assert kept == "The release came first [E2, E3]. Errors rose. [E3] Traffic was steady [E3]"


def test_a_story_is_short() -> None:
    assert cited("It is so [E1]. " * 20, {1}).count("[E1]") == MAX_SENTENCES


WORDS = st.lists(st.sampled_from(["Errors", "rose", "of", "3.5", "s", "e.g.", "Why?"]), min_size=1)
MARKS = st.lists(st.integers(1, 9), max_size=3)


@given(st.lists(st.tuples(WORDS, MARKS), max_size=10), st.sets(st.integers(1, 9)))
def test_nothing_kept_cites_what_does_not_exist(
    sentences: list[tuple[list[str], list[int]]], known: set[int]
) -> None:
    text = " ".join(
        f"{' '.join(words)} [{', '.join(f'E{n}' for n in numbers)}]."
        if numbers
        else f"{' '.join(words)}."
        for words, numbers in sentences
    )
    kept = cited(text, known)
    assert all(f"E{n}" not in kept for n in range(1, 10) if n not in known)


def _claim(statement: str, verdict: ClaimVerdict, *, is_for: bool = True) -> CheckedClaim:
    draft = ClaimDraft("threshold", statement, (3, 4), is_for=is_for)
    return CheckedClaim(draft, verdict, Weight.STRONG, "10 > 5.", ("metrics",), ())


def test_without_a_model_the_claims_that_hold_are_the_story() -> None:
    claims = (
        _claim("it recovered", ClaimVerdict.HOLDS, is_for=False),
        _claim("errors rose.", ClaimVerdict.HOLDS),
        _claim("memory grew", ClaimVerdict.FAILS),
    )
    draft = HypothesisDraft("front", Mechanism.LEAK, "memory", "front leaks", "offline", ())
    best = SettledHypothesis(draft, claims, HypothesisState.SUPPORTED, 0.6, (), is_tainted=False)
    found = narrative(Settlement(Outcome.BEST_EFFORT, (best,), "", ()))
    assert found == "errors rose: 10 > 5 [E3, E4]. it recovered: 10 > 5 [E3, E4]."
    assert narrative(Settlement(Outcome.INCONCLUSIVE, (), "", ())) == ""
