"""What a model sees of the ledger: facts first, cut to size, and always the same bytes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.showing import MAX_FACTS, Showing
from analysis.reasoning.workbench import Workbench
from analysis.types import LedgerEntry
from tests.unit.reasoning.outside import outside
from tests.unit.reasoning.world import context, entry, onset


def showing(*, plain: bool = False) -> Showing:
    return Showing(Workbench(context(), outside({})), lambda e: e, plain)


def ledger_entry(facts: int, view: str, tool: str = "get_onsets") -> LedgerEntry:
    return entry(7, tool, *(onset("front", f"s{n}") for n in range(facts)), view=view)


@given(st.integers(0, 80), st.text(max_size=3000), st.integers(600, 20_000))
def test_it_is_json_no_longer_than_asked_and_the_same_each_time(
    facts: int, view: str, most: int
) -> None:
    given_entry = ledger_entry(facts, view)
    text = showing().entry(given_entry, most=most)
    shown = json.loads(text)
    assert text == showing().entry(given_entry, most=most)
    assert shown["evidence"] == 7
    assert len(shown["facts"]) <= min(facts, MAX_FACTS)
    assert len(text) <= most or not (shown["facts"] or shown["view"])
    if "cut" not in shown:
        assert (len(shown["facts"]), shown["view"]) == (min(facts, MAX_FACTS), view)


def test_the_view_goes_before_the_facts() -> None:
    shown = json.loads(showing().entry(ledger_entry(3, "x" * 9000), most=2000))
    assert len(shown["facts"]) == 3
    assert 0 < len(shown["view"]) < 2000
    assert "narrow" in shown["cut"]


def test_plain_leaves_out_what_others_wrote_and_keeps_what_code_computed() -> None:
    line = ledger_entry(1, "user=bob exploit", tool="search_logs")
    assert "exploit" in showing().entry(line)
    shown = json.loads(showing(plain=True).entry(line))
    assert "view" not in shown
    assert len(shown["facts"]) == 1
    assert "front: errors" not in showing(plain=True).incident()
