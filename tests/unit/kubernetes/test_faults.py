"""Findings of a live cluster as facts, and how much a claim about one may weigh."""

from collections.abc import Mapping
from typing import Any

import pytest

from analysis.reasoning.claims import check
from analysis.reasoning.kubernetes.engine import RULES
from analysis.reasoning.kubernetes.faults import TROUBLE, broken, fault_of
from analysis.reasoning.kubernetes.findings import Fault
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.types import (
    BROKEN,
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    HypothesisDraft,
    Inventory,
    Mechanism,
    State,
    Weight,
)
from tests.unit.kubernetes.collected import fixture
from tests.unit.reasoning.world import context, entry

NOW = 1_000_000.0


def held(rule: str) -> Inventory:
    told: Mapping[str, Any] = fixture(rule).fires
    kinds = frozenset({"Pod", "Deployment", "Service", "Node"})
    return Inventory([], list(told["manifests"]), list(told.get("events") or ()), kinds)


def test_a_rule_that_fires_names_the_service_and_both_facts() -> None:
    (state,) = broken(held("policy_closes_needed_way"), ["web", "cart"], NOW)
    assert (state.entity, state.field) == ("cart", f"{BROKEN}policy_closes_needed_way")
    assert "podSelector" in state.value
    assert "CART_ADDR=cart:7070" in state.value
    assert fault_of(state.field) is Fault.NETWORK_POLICY


def test_what_belongs_to_no_service_keeps_its_own_name() -> None:
    (state,) = broken(held("network_plugin_down"), ["web"], NOW)
    assert state.entity == "n1"


def test_a_weak_finding_is_trouble_not_a_cause() -> None:
    states = broken(held("rollout_stuck"), ["web"], NOW)
    assert [s.field for s in states] == [f"{TROUBLE}rollout_stuck"]


def test_every_rule_has_a_fault_and_an_unknown_field_has_none() -> None:
    assert all(fault_of(f"{BROKEN}{rule.name}") is rule.fault for rule in RULES)
    assert fault_of("replicas_ready") is Fault.UNKNOWN


def claimed(op: str, value: str, tool: str = "get_resource_state") -> CheckedClaim | None:
    state = State("middle", f"{BROKEN}out_of_memory", "killed | limit 20Mi", NOW)
    ledger = Ledger((entry(1, tool, state),))
    operands = {"entity": "middle", "field": state.field, "op": op, "value": value}
    return check(ClaimDraft("state", "it is broken", (1,), operands), ledger, context())


def test_word_for_word_it_is_decisive() -> None:
    claim = claimed("==", "killed | limit 20Mi")
    assert claim is not None
    assert (claim.verdict, claim.weight) == (ClaimVerdict.HOLDS, Weight.DECISIVE)


@pytest.mark.parametrize(
    ("value", "tool", "holds"),
    [
        ("killed | limit 30Mi", "get_resource_state", False),
        ("killed | limit 20Mi", "search_logs", True),
    ],
)
def test_other_words_fail_and_other_custody_weighs_less(
    value: str, tool: str, *, holds: bool
) -> None:
    claim = claimed("==", value, tool)
    assert claim is not None
    assert (claim.verdict is ClaimVerdict.HOLDS) is holds
    assert holds is False or claim.weight is not Weight.DECISIVE


def proposed(*states: State) -> tuple[HypothesisDraft, ...]:
    """With nothing but the platform connected: no series, no topology."""
    ledger = Ledger((entry(1, "get_resource_state", *states),))
    return OfflineReasoner().propose(context(edges=()), ledger).drafts


@pytest.mark.parametrize(
    ("rule", "mechanism"),
    [
        ("out_of_memory", Mechanism.SATURATION),
        ("kubelet_down", Mechanism.NODE),
        ("selector_matches_no_pod", Mechanism.CONFIG),
        ("certificate_expired", Mechanism.EXPIRY),
    ],
)
def test_the_offline_reasoner_needs_no_series_for_it(rule: str, mechanism: Mechanism) -> None:
    state = State("middle", f"{BROKEN}{rule}", "one | other", NOW)
    (draft,) = proposed(state)
    assert (draft.entity, draft.mechanism) == ("middle", mechanism)
    assert draft.claims[0].kind == "state"
    assert draft.claims[0].evidence == (1,)


def test_trouble_alone_makes_no_hypothesis() -> None:
    assert not proposed(State("middle", f"{TROUBLE}rollout_stuck", "one | other", NOW))
