"""Taint goes from a line of text to the approval screen: evidence, claim, hypothesis, plan."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.commands.investigation.ledger import Recorder
from analysis.commands.investigation.settle import settle as store_settlement
from analysis.models import Investigation
from analysis.reasoning.claims import check
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.loop import Investigated
from analysis.reasoning.settle import Candidate, settle
from analysis.types import (
    ClaimDraft,
    Custody,
    Edge,
    EvidenceDraft,
    EvidenceStatus,
    Fact,
    HypothesisDraft,
    IncidentContext,
    Mechanism,
    Onset,
    State,
)
from remediation.commands.acting import plan as plans
from remediation.models import Plan
from remediation.types import Decision
from tests.integration.remediation.conftest import World

AT = 1_000_000.0


def draft(tool: str, custody: Custody, *facts: Fact) -> EvidenceDraft:
    return EvidenceDraft(
        tool=tool,
        arguments={},
        source=tool,
        native_query=tool,
        window=(AT - 900, AT),
        status=EvidenceStatus.OK,
        coverage=1.0,
        summary=tool,
        custody=custody,
        facts=facts,
    )


def investigated(world: World, custody: Custody) -> Investigation:
    """Out of memory, as the platform says it, or as somebody says who may write what he likes."""
    full = State("payments", "memory_of_limit", "0.99", AT)
    leak = Onset("payments", "memory", AT - 60, 5.0, "up", 20.0, 0.2, 0.99)
    run = Investigation.objects.create(
        incident=world.incident,
        state=Investigation.State.RUNNING,
        attempts=1,
        lease_until=clock.now() + timedelta(minutes=1),
    )
    recorder = Recorder(run)
    ledger = Ledger(
        (
            recorder.store(draft("get_resource_state", custody, full)),
            recorder.store(draft("get_onsets", Custody.APP_METRIC, leak)),
        )
    )
    path: tuple[Edge, ...] = ()
    ctx = IncidentContext("INC-1", "", "payments", "high", AT, AT + 60, ("payments",), path)
    about = {"entity": "payments"}
    state = {**about, "field": "memory_of_limit", "op": ">=", "value": 0.95}
    memory = {**about, "signal": "memory", "op": ">", "value": 0.5}
    hypothesis = HypothesisDraft(
        entity="payments",
        mechanism=Mechanism.LEAK,
        signal="memory",
        statement="payments leaks memory",
        origin="model",
        claims=(
            ClaimDraft("state", "it is at its limit", (1,), state),
            ClaimDraft("threshold", "memory rose", (2,), memory),
            ClaimDraft("path", "the symptom is its own", (2,), {"path": ["payments"]}),
        ),
        path=("payments",),
        score=2.0,
    )
    checked = tuple(c for c in (check(one, ledger, ctx) for one in hypothesis.claims) if c)
    settlement = settle(
        [Candidate(hypothesis, checked)], ledger, is_offline=False, was_refuted=True
    )
    store_settlement(run, Investigated(ledger, settlement, "a model", "", {}, ()))
    run.refresh_from_db()
    return run


def planned(run: Investigation) -> Plan:
    plan = plans.create_for(investigation_id=str(run.pk))
    assert plan is not None
    return plan


@pytest.mark.parametrize("custody", [Custody.APP_TEXT, Custody.USER_INFLUENCED])
def test_what_outsiders_can_write_never_acts_on_one_persons_word(
    world: World, custody: Custody
) -> None:
    run = investigated(world, custody)
    hypothesis = run.hypotheses.get()
    assert hypothesis.is_tainted
    assert {c.kind for c in hypothesis.claims.filter(is_tainted=True)} == {"state"}
    assert hypothesis.confidence <= 0.50
    plan = planned(run)
    assert plan.decision == Decision.TWO
    assert plan.is_tainted
    assert "it rests on text outsiders can write" in plan.decision_reasons


def test_the_same_from_the_platform_is_clean(world: World) -> None:
    run = investigated(world, Custody.PLATFORM_API)
    hypothesis = run.hypotheses.get()
    assert not hypothesis.is_tainted
    assert hypothesis.state == "supported"
    plan = planned(run)
    assert plan.decision == Decision.ONE
    assert not plan.is_tainted
