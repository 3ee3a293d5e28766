"""Fusion: a distribution, blind to names and to order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.rootcause.fusion import Weights, fuse
from analysis.types import Clue

WEIGHING = Weights(
    value={"cpu": 2.0, "errors": 1.5},
    dominance={"cpu": 1.0, "errors": 2.0},
    none={"bias": 2.0, "alert_quiet": 1.0},
)
NAMES = ("a", "b", "c", "d")
some_clues = st.lists(
    st.builds(
        Clue,
        component=st.sampled_from(NAMES),
        feature=st.sampled_from(("cpu", "errors", "unheard_of")),
        value=st.floats(0, 5),
    ),
    max_size=12,
)


@given(some_clues)
def test_the_shares_of_all_and_of_none_sum_to_one(clues: list[Clue]) -> None:
    found = fuse(clues, NAMES, WEIGHING)
    assert sum(found.of.values()) + found.none == pytest.approx(1.0)


@given(some_clues, st.permutations(NAMES))
def test_order_does_not_matter(clues: list[Clue], order: list[str]) -> None:
    assert fuse(clues, order, WEIGHING).of == pytest.approx(fuse(clues, NAMES, WEIGHING).of)


@given(some_clues)
def test_names_do_not_matter(clues: list[Clue]) -> None:
    renamed = [
        Clue(component=clue.component + "-x", feature=clue.feature, value=clue.value)
        for clue in clues
    ]
    there = fuse(renamed, [name + "-x" for name in NAMES], WEIGHING).of
    here = fuse(clues, NAMES, WEIGHING).of
    assert [there[name + "-x"] for name in NAMES] == pytest.approx([here[name] for name in NAMES])


def test_without_clues_none_of_these_wins() -> None:
    found = fuse([], NAMES, WEIGHING, null={"alert_quiet": 1.0})
    assert found.none > max(found.of.values())


def test_the_only_strong_clue_wins() -> None:
    found = fuse([Clue("b", "cpu", 3.0), Clue("a", "cpu", 0.5)], NAMES, WEIGHING)
    assert max(found.of, key=lambda name: found.of[name]) == "b"
    assert found.of["b"] > 0.9
