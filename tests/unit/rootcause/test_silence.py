"""A caller that no longer calls, from traffic and topology alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.rootcause import silence
from analysis.types import Case

EDGES = (("front", "order"), ("order", "pay"), ("order", "mail"), ("front", "ads"))
BEFORE, DURING = 40, 5


def case(edges: Sequence[tuple[str, str]] = EDGES, **during: float) -> Case:
    """One sample a minute; traffic is 10 calls and, during the incident, as stated."""
    names = ("front", "order", "pay", "mail", "ads")
    times = np.arange(0.0, (BEFORE + DURING) * 60.0, 60.0)
    series = {
        (name, "requests"): np.array([10.0] * BEFORE + [during.get(name, 10.0)] * DURING)
        for name in names
    }
    return Case(
        id="made-up",
        candidates=names,
        window=(BEFORE * 60.0, (BEFORE + DURING) * 60.0),
        times=times,
        series=series,
        edges=tuple(edges),
    )


def test_the_caller_that_works_on_and_calls_no_more_is_named() -> None:
    found = silence.clues(case(pay=0.0, mail=0.0))
    assert [(c.component, c.feature) for c in found] == [("order", "stopped_calls")]
    assert found[0].detail == "no calls to mail, pay"


def test_two_silent_callees_say_more_than_one() -> None:
    one, two = silence.clues(case(pay=0.0)), silence.clues(case(pay=0.0, mail=0.0))
    assert one[0].value < two[0].value


def test_a_caller_without_traffic_of_its_own_passes_the_blame_on() -> None:
    found = silence.clues(case(order=0.0, pay=0.0, mail=0.0))
    assert [c.component for c in found] == ["front"]


@given(st.floats(1.5, 50.0))
def test_less_traffic_is_not_none(left: float) -> None:
    assert silence.clues(case(pay=left, mail=left)) == []


def test_a_callee_that_often_pauses_has_not_fallen_silent() -> None:
    paused = case(pay=0.0)
    paused.series["pay", "requests"][: BEFORE // 2 : 2] = 0.0
    assert silence.clues(paused) == []


@pytest.mark.parametrize("empty", [case((), pay=0.0), Case(id="nothing", candidates=("pay",))])
def test_without_topology_or_traffic_nobody_is_named(empty: Case) -> None:
    assert silence.clues(empty) == []
