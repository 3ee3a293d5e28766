"""Each kind of claim is re-computed from facts: holds, fails, or cannot be checked."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.checkers.order import ANY_CHANGE
from analysis.reasoning.claims import KINDS, check, operands_help
from analysis.reasoning.ledger import Ledger
from analysis.types import (
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    EvidenceStatus,
    LedgerEntry,
    Points,
    State,
    TemplateSpike,
    Weight,
)
from tests.unit.reasoning.world import (
    EDGES,
    T0,
    change,
    context,
    edge,
    entry,
    ledger,
    onset,
    steady,
    usual,
)

HOLDS, FAILS, UNCHECKABLE = ClaimVerdict


def checked(kind: str, known: Ledger, evidence: tuple[int, ...], **operands: Any) -> CheckedClaim:
    found = check(ClaimDraft(kind, "as claimed", evidence, operands), known, context())
    assert found is not None
    return found


def verdict(kind: str, known: Ledger, evidence: tuple[int, ...], **operands: Any) -> ClaimVerdict:
    return checked(kind, known, evidence, **operands).verdict


def test_a_claim_that_cites_nothing_real_does_not_exist() -> None:
    draft = ClaimDraft("threshold", "invented", (99,), {})
    assert check(draft, usual(onset("front", "errors")), context()) is None


def test_every_kind_is_told_to_models() -> None:
    assert set(operands_help()) == set(KINDS)


@pytest.mark.parametrize(
    ("first_at", "then_at", "expected"),
    [(-60, 0, HOLDS), (0, -60, FAILS), (-5, 0, UNCHECKABLE)],
    ids=["earlier", "the other way round", "within the error of both"],
)
def test_onset_before(first_at: float, then_at: float, expected: ClaimVerdict) -> None:
    known = usual(onset("store", "cpu", first_at), onset("front", "errors", then_at))
    operands = {"first": ["store", "cpu"], "then": ["front", "errors"]}
    assert verdict("onset_before", known, (3,), **operands) is expected


def test_what_stayed_steady_did_not_shift_first() -> None:
    known = usual(onset("front", "errors"), steady("front", "traffic"))
    operands = {"first": ["front", "traffic"], "then": ["front", "errors"]}
    assert verdict("onset_before", known, (3,), **operands) is FAILS


@pytest.mark.parametrize(
    ("at", "entity", "expected"),
    [
        (-60, "front", HOLDS),
        (20, "front", UNCHECKABLE),
        (60, "front", FAILS),
        (-3600, "front", FAILS),
        (-60, "store", FAILS),
    ],
    ids=["just before", "too close to tell", "after it", "too long ago", "no edge between"],
)
def test_change_preceded(at: float, entity: str, expected: ClaimVerdict) -> None:
    known = usual(onset("front", "errors"), changes=[change(entity, at)])
    operands = {"change": "c1", "entity": "front", "signal": "errors"}
    assert verdict("change_preceded", known, (2, 3), **operands) is expected


def test_a_change_of_a_callee_counts() -> None:
    known = usual(onset("front", "errors"), changes=[change("middle")])
    operands = {"change": "c1", "entity": "front", "signal": "errors"}
    assert verdict("change_preceded", known, (2, 3), **operands) is HOLDS


def test_any_change_fails_only_when_the_change_system_answered() -> None:
    operands = {"change": ANY_CHANGE, "entity": "front", "signal": "errors"}
    shift = onset("front", "errors")
    assert verdict("change_preceded", usual(shift), (2, 3), **operands) is FAILS
    there = usual(shift, changes=[change("front")])
    assert verdict("change_preceded", there, (2, 3), **operands) is HOLDS
    broken = entry(2, "list_changes", status=EvidenceStatus.ERROR, coverage=0.0)
    silent = ledger(broken, entry(3, "get_onsets", shift))
    assert verdict("change_preceded", silent, (2, 3), **operands) is UNCHECKABLE
    # Metrics alone, however complete, cannot say that nobody changed anything.
    assert verdict("change_preceded", silent, (3,), **operands) is UNCHECKABLE


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["store", "middle", "front"], HOLDS),
        (["store", "front"], FAILS),
        (["front", "middle", "store"], FAILS),
    ],
    ids=["along the edges", "an edge is missing", "against the order of the shifts"],
)
def test_path(path: list[str], expected: ClaimVerdict) -> None:
    shifts = (
        onset("store", "cpu", -120),
        onset("middle", "latency", -60),
        onset("front", "errors"),
    )
    assert verdict("path", usual(*shifts), (1, 3), path=path) is expected


SHOP = (
    edge("front", "left"),
    edge("front", "right"),
    edge("left", "store"),
    edge("right", "store"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["store", "left", "front"], HOLDS),
        (["front", "left", "store"], HOLDS),
        (["left", "store", "right"], HOLDS),
        (["left", "front", "right"], FAILS),
        (["store", "left", "front", "right"], FAILS),
    ],
    ids=[
        "up to who waits", "down with the load", "through what both need",
        "a caller that waits harms no other callee", "nor after a longer way",
    ],
)  # fmt: skip
def test_trouble_goes_only_some_ways(path: list[str], expected: ClaimVerdict) -> None:
    shifts = [onset(name, "errors") for name in ("front", "left", "right", "store")]
    known = ledger(entry(1, "get_topology", *SHOP), entry(3, "get_onsets", *shifts))
    found = check(ClaimDraft("path", "", (1, 3), {"path": path}), known, context(edges=SHOP))
    assert found is not None
    assert found.verdict is expected, found.explanation


def test_a_path_over_a_stale_edge_fails() -> None:
    old = [edge("front", "middle", age_s=30 * 24 * 3600), EDGES[1]]
    known = ledger(entry(1, "get_topology", *old), entry(3, "get_onsets", onset("front", "errors")))
    draft = ClaimDraft("path", "", (1, 3), {"path": ["middle", "front"]})
    found = check(draft, known, context(edges=old))
    assert found is not None
    assert found.verdict is FAILS


def test_an_edge_that_people_vouch_for_does_not_grow_old() -> None:
    old = replace(edge("front", "middle", age_s=30 * 24 * 3600), source="hand")
    known = ledger(entry(1, "get_topology", old), entry(3, "get_onsets", onset("front", "errors")))
    draft = ClaimDraft("path", "", (1, 3), {"path": ["middle", "front"]})
    found = check(draft, known, context(edges=[old]))
    assert found is not None
    assert found.verdict is HOLDS


@pytest.mark.parametrize(("value", "expected"), [(5.0, HOLDS), (50.0, FAILS)])
def test_threshold_on_a_shift(value: float, expected: ClaimVerdict) -> None:
    known = usual(onset("front", "errors"))
    operands = {"entity": "front", "signal": "errors", "op": ">", "value": value}
    assert verdict("threshold", known, (3,), **operands) is expected


def test_threshold_on_a_call() -> None:
    known = ledger(entry(1, "get_traces", edge("front", "middle", slow=True)))
    operands = {"edge": ["front", "middle"], "field": "latency_during_s", "op": ">", "value": 1.0}
    assert verdict("threshold", known, (1,), **operands) is HOLDS


def test_peers_must_be_two_and_calm() -> None:
    shift = onset("front", "cpu")
    one = usual(shift, steady("middle", "cpu"))
    two = usual(shift, steady("middle", "cpu"), steady("store", "cpu"))
    assert verdict("peer_normal", one, (3,), entity="front", signal="cpu") is FAILS
    assert verdict("peer_normal", two, (3,), entity="front", signal="cpu") is HOLDS


def test_a_full_disk_by_the_platforms_word_is_decisive() -> None:
    full = State(entity="store", field="disk_of_size", value="1.00", at=T0)
    found = checked(
        "state",
        ledger(entry(4, "get_resource_state", full)),
        (4,),
        entity="store",
        field="disk_of_size",
        op=">=",
        value=0.95,
    )
    assert (found.verdict, found.weight) == (HOLDS, Weight.DECISIVE)


def test_log_text_is_weak_evidence() -> None:
    spike = TemplateSpike("front", "KeyError: <*>", "error", 40, 0.0, T0, is_new=True)
    known = ledger(entry(5, "search_logs", spike))
    found = checked("template_spike", known, (5,), entity="front", template="KeyError: <*>")
    assert (found.verdict, found.weight) == (HOLDS, Weight.WEAK)


def test_a_quote_must_stand_in_the_evidence() -> None:
    known = ledger(entry(5, "search_logs", view="disk  full on\n store"))
    assert verdict("quote", known, (5,), text="disk full on store") is HOLDS
    assert verdict("quote", known, (5,), text="disk empty") is FAILS


def test_a_judgement_is_never_checked_and_always_weak() -> None:
    found = checked("judgement", usual(), (1,))
    assert (found.verdict, found.weight) == (UNCHECKABLE, Weight.WEAK)


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 0, -1, 3, 1e308, float("nan"), float("inf"), "", "x", ">", "front", "errors",
        "c1", "any", "latency_during_s", "__class__", [], ["front"], ["front", "errors"], [[], {}],
        ["front", "middle", "store"], {}, {"entity": "front"}, [None], "\x00", "9" * 400,
    ]
)  # fmt: skip
NAMES = ["entity", "signal", "op", "value", "change", "path", "first", "then", "field", "edge"]


@given(
    kind=st.sampled_from(KINDS) | st.text(max_size=20),
    operands=st.dictionaries(st.sampled_from([*NAMES, "template", "text", "ratio"]), JUNK),
)
def test_whatever_a_model_claims_the_checker_answers(kind: str, operands: dict[str, Any]) -> None:
    known = usual(onset("front", "errors"), steady("middle", "cpu"), changes=[change("front")])
    found = check(ClaimDraft(kind, "", (1, 2, 3), operands), known, context())
    assert found is not None
    assert found.verdict in ClaimVerdict


def points(*values: float | None) -> Points:
    times = tuple(T0 + 60 * i for i in range(len(values)))
    return Points("front", "errors", times, values)


@pytest.mark.parametrize(
    ("values", "for_s", "expected"),
    [
        ((1, 9, 9, 9), 120, HOLDS),
        ((9, 1, 9, 9), 120, FAILS),
        ((9, None, 9, 9), 120, FAILS),
        ((1, 9, 1, 1), 0, HOLDS),
        ((1, 1, 1, 1), 0, FAILS),
    ],
    ids=["long enough", "broken off", "a gap is no proof", "one point is enough", "never"],
)
def test_how_long_it_lasted_is_recomputed_from_the_points(
    values: tuple[float | None, ...], for_s: float, expected: ClaimVerdict
) -> None:
    known = ledger(entry(1, "query_metrics", points(*values)))
    operands = {"entity": "front", "signal": "errors", "op": ">", "value": 5, "for_s": for_s}
    assert verdict("threshold", known, (1,), **operands) is expected


def test_how_long_it_lasted_cannot_be_told_without_points() -> None:
    operands = {"entity": "front", "signal": "errors", "op": ">", "value": 5, "for_s": 60}
    assert verdict("threshold", usual(onset("front", "errors")), (3,), **operands) is UNCHECKABLE


@pytest.mark.parametrize(
    ("until", "undone_at", "expected"),
    [(200, 100, HOLDS), (200, 300, FAILS), (4000, 100, FAILS), (None, 100, FAILS)],
    ids=["after the undo", "before it", "much later", "not at all"],
)
def test_recovered_after(until: float | None, undone_at: float, expected: ClaimVerdict) -> None:
    end = None if until is None else T0 + until
    shift = replace(onset("front", "errors"), until=end)
    known = usual(shift, changes=[change("front", undone_at)])
    operands = {"entity": "front", "signal": "errors", "change": "c1"}
    assert verdict("recovered_after", known, (2, 3), **operands) is expected


@pytest.mark.parametrize(
    ("peers", "expected"),
    [(["middle", "store"], HOLDS), (["middle", "bank"], FAILS), (["middle", "search"], FAILS)],
    ids=["both calm", "one shifted too", "one was not looked at"],
)
def test_named_peers_decide(peers: list[str], expected: ClaimVerdict) -> None:
    calm = (steady(name, "cpu") for name in ("middle", "store"))
    known = usual(onset("front", "cpu"), onset("bank", "cpu"), *calm)
    operands = {"entity": "front", "signal": "cpu", "peers": peers}
    assert verdict("peer_normal", known, (3,), **operands) is expected


def test_instances_are_peers_of_instances() -> None:
    calm = [steady(name, "cpu") for name in ("front/2", "front/3", "middle", "store")]
    known = usual(onset("front/1", "cpu"), onset("front", "cpu"), *calm)
    one = checked("peer_normal", known, (3,), entity="front/1", signal="cpu")
    whole = checked("peer_normal", known, (3,), entity="front", signal="cpu")
    assert one.explanation == "cpu stayed steady on front/2, front/3"
    assert whole.explanation == "cpu stayed steady on middle, store"


@pytest.mark.parametrize(
    ("change_", "expected"),
    [
        ({}, HOLDS),
        ({"coverage": 0.8}, UNCHECKABLE),
        ({"status": EvidenceStatus.PARTIAL}, UNCHECKABLE),
        ({"status": EvidenceStatus.NO_DATA}, UNCHECKABLE),
        ({"is_truncated": True}, UNCHECKABLE),
        ({"arguments": {"service": "store"}}, UNCHECKABLE),
        ({"arguments": {"service": "front"}}, HOLDS),
    ],
    ids=["in full", "in part", "partial", "no data", "cut", "about another", "about it"],
)
@pytest.mark.parametrize("what", ["change", "template", "shift"])
def test_only_a_full_answer_says_that_nothing_is_there(
    what: str, change_: dict[str, Any], expected: ClaimVerdict
) -> None:
    tool = {"change": "list_changes", "template": "search_logs", "shift": "get_onsets"}[what]
    facts = [steady("front", "errors")] if what == "shift" else []
    one = entry(1, tool, *facts)
    known = ledger(LedgerEntry(1, replace(one.draft, **change_)))
    operands = {"entity": "front", "what": what, "signal": "errors"}
    assert verdict("absence", known, (1,), **operands) is expected


@pytest.mark.parametrize(
    ("value", "claimed", "weight"),
    [
        ("OOMKilled", {"op": "==", "value": "OOMKilled"}, Weight.DECISIVE),
        ("Running", {"op": "==", "value": "Running"}, Weight.STRONG),
        ("-2", {"op": "<=", "value": 0}, Weight.STRONG),
    ],
    ids=["names the fault", "a state of health", "a number of another field"],
)
def test_states_may_be_words(value: str, claimed: dict[str, Any], weight: Weight) -> None:
    known = ledger(entry(1, "get_resource_state", State("front", "reason", value, T0)))
    found = checked("state", known, (1,), entity="front", field="reason", **claimed)
    assert (found.verdict, found.weight) == (HOLDS, weight)


def test_an_expired_certificate_is_decisive() -> None:
    expired = State("front", "certificate_days_left", "-3", T0)
    known = ledger(entry(1, "run_diagnostic", expired))
    operands = {"entity": "front", "field": "certificate_days_left", "op": "<=", "value": 0}
    assert checked("state", known, (1,), **operands).weight is Weight.DECISIVE


def test_guidance_proves_nothing() -> None:
    known = ledger(entry(1, "similar_incidents", view="it was the disk of store"))
    assert verdict("quote", known, (1,), text="it was the disk of store") is UNCHECKABLE


def test_a_claim_has_the_custody_of_what_its_answer_stands_in() -> None:
    spike = TemplateSpike("front", "KeyError", "error", 40, 0.0, T0, is_new=True)
    known = ledger(entry(1, "get_onsets", onset("front", "errors")), entry(2, "search_logs", spike))
    shift = {"entity": "front", "signal": "errors", "op": ">", "value": 5}
    assert not checked("threshold", known, (1, 2), **shift).is_tainted
    assert checked("template_spike", known, (1, 2), entity="front", template="KeyError").is_tainted


def test_a_claim_over_an_unanswered_or_removed_entry_is_open() -> None:
    shift = {"entity": "front", "signal": "errors", "op": ">", "value": 5}
    there = entry(1, "get_onsets", onset("front", "errors"))
    silent = entry(2, "get_traces", status=EvidenceStatus.ERROR)
    assert not checked("threshold", ledger(there), (1,), **shift).is_open
    assert checked("threshold", ledger(there, silent), (1, 2), **shift).is_open
    assert checked("threshold", Ledger((there,), issued=3), (1, 3), **shift).is_open
    # A number that was never given is an invention, and adds nothing to the real one.
    assert not checked("threshold", ledger(there), (1, 99), **shift).is_open
