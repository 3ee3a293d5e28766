"""Guards, the control group and their schedule: what a prediction carries, and what it decides."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string

from airra.lib import clock
from analysis.models import Detector
from incidents.lifecycle import State
from incidents.models import Service, ServiceDependency
from remediation.commands.refusal import Refused
from remediation.models import Execution
from remediation.queries.plan import executions_of
from remediation.types import ExecutionState, Prediction, Verdict
from tests.integration.remediation.conftest import METRIC, World

LATENCY = "latency_p95"


@pytest.fixture
def shop(world: World) -> World:
    """Checkout calls payments; search and stock share nothing with either; three more signals."""
    names = ("checkout", "search", "stock", "bank")
    made = {name: Service.objects.create(workspace=world.workspace, name=name) for name in names}
    for caller, callee in ((made["checkout"], world.service), (world.service, made["bank"])):
        ServiceDependency.objects.create(caller=caller, callee=callee)
    for name in names:
        world.metric.say(0.01, name)
        world.metric.say(0.2, name, LATENCY)
    world.metric.say(0.5, "payments", LATENCY)
    Detector.objects.create(
        workspace=world.workspace, connector=world.detector.connector, name="latency",
        query=LATENCY, signal="latency", unit="s", floor=0.1,
    )  # fmt: skip
    Detector.objects.create(
        workspace=world.workspace, connector=world.detector.connector, name="memory",
        query=LATENCY, signal="memory", unit="bytes",
    )  # fmt: skip
    return world


def predicted(world: World) -> Prediction:
    return Prediction.from_json(world.scaled().prediction)


def test_guards_are_of_the_target_and_its_callers(shop: World) -> None:
    prediction = predicted(shop)
    assert [guard.key for guard in prediction.guards] == [
        "latency of payments", "errors of checkout", "latency of checkout",
    ]  # fmt: skip
    latency = prediction.guards[2]
    assert (latency.level_before, latency.margin, latency.unit) == (0.2, 0.1, "s")


def test_peers_are_out_of_the_actions_reach(shop: World) -> None:
    assert [peer.key for peer in predicted(shop).peers] == ["errors of search", "errors of stock"]


def test_what_shares_a_dependency_is_no_peer(shop: World) -> None:
    services = {s.name: s for s in Service.objects.all()}
    ServiceDependency.objects.create(caller=services["stock"], callee=services["bank"])
    assert [peer.service for peer in predicted(shop).peers] == ["search"]


def test_a_guard_without_data_is_no_guard(shop: World) -> None:
    shop.metric.told[LATENCY, "checkout"] = [(0.0, None)]
    assert [guard.key for guard in predicted(shop).guards] == [
        "latency of payments", "errors of checkout",
    ]  # fmt: skip


def test_the_guards_are_part_of_what_is_approved(shop: World) -> None:
    plan = shop.scaled()
    plan.prediction["guards"][0]["margin"] = 99.0
    plan.save()
    with pytest.raises(Refused, match="no longer the one"):
        shop.approved(plan)


def test_each_query_is_asked_once_a_turn(shop: World) -> None:
    execution = shop.run(shop.approved(shop.scaled()))
    shop.metric.asked.clear()
    shop.watch(execution)
    assert sorted(shop.metric.asked) == [METRIC, LATENCY]


def test_a_match_says_what_else_was_looked_at(shop: World) -> None:
    execution = shop.run(shop.approved(shop.scaled()))
    shop.metric.value = 0.01
    execution = shop.watch(execution, times=5)
    assert (execution.state, execution.verdict) == (ExecutionState.SUCCEEDED, Verdict.MATCH)
    assert "3 guards no worse; 2 untouched services did not move" in execution.verdict_reason
    assert execution.verdict_numbers["severity"]["before"] > 0
    stored = execution.readings["latency of checkout"]
    assert stored["before"] == [0.2] * 13
    assert [mark for _, _, mark in stored["since"]] == ["good"] * len(execution.samples)


def test_the_page_shows_what_else_was_looked_at(shop: World) -> None:
    execution = shop.run(shop.approved(shop.scaled()))
    shop.metric.say(0.9, "checkout", LATENCY)
    shop.metric.say(None, "search")
    shop.watch(execution, times=2)
    (row,) = executions_of(execution.plan)
    html = render_to_string("remediation/execution.html", {"row": row})
    told = {each.title: (each.word, each.is_guard) for each in row.watched}
    assert told == {
        "latency of payments": ("no worse", True),
        "errors of checkout": ("no worse", True),
        "latency of checkout": ("worse", True),
        "errors of search": ("no data", False),
        "errors of stock": ("no worse", False),
    }
    assert html.count('class="threshold"') == 5
    assert 'class="push problem">worse' in html


def test_harm_to_a_caller_is_undone_though_the_alert_recovers(shop: World) -> None:
    execution = shop.run(shop.approved(shop.scaled()))
    effect_at = clock.now()
    shop.metric.value = 0.01
    shop.metric.say(0.9, "checkout", LATENCY)
    execution = shop.watch(execution, times=4)
    assert (execution.state, execution.verdict) == (ExecutionState.DEVIATED, Verdict.DEVIATION)
    assert "latency of checkout beyond 300 ms" in execution.verdict_reason
    undo = shop.run(execution.undone_by)
    assert undo.state == ExecutionState.SUCCEEDED
    assert undo.intent_at is not None
    assert undo.intent_at - effect_at < timedelta(seconds=60)
    assert shop.server.things["payments"].replicas == 2
    assert shop.incident.state == State.NO_SAFE_ACTION


def test_what_recovers_everywhere_is_not_claimed(shop: World) -> None:
    for peer in ("search", "stock"):
        shop.metric.told[METRIC, peer] = [(0.0, 0.4)]
    execution = shop.run(shop.approved(shop.scaled()))
    for service in ("payments", "search", "stock"):
        shop.metric.say(0.01, service)
    execution = shop.watch(execution, times=5)
    assert (execution.state, execution.verdict) == (
        ExecutionState.INCONCLUSIVE,
        Verdict.INCONCLUSIVE,
    )
    assert "2 of 2 services that the action does not reach recovered alike" in (
        execution.verdict_reason
    )
    assert shop.incident.state == State.NO_SAFE_ACTION


def test_a_shift_of_everything_is_not_undone(shop: World) -> None:
    execution = shop.run(shop.approved(shop.scaled()))
    for service in ("payments", "search", "stock"):
        shop.metric.say(0.9, service)
    execution = shop.watch(execution, times=30)
    assert execution.verdict == Verdict.INCONCLUSIVE
    assert "moved alike" in execution.verdict_reason
    assert not Execution.objects.filter(undo_of=execution).exists()


def test_recovered_before_the_effect_is_not_claimed(shop: World) -> None:
    execution = shop.approved(shop.scaled())
    shop.metric.value = 0.01
    shop.hands.advance(seconds=60)
    execution = shop.watch(shop.run(execution), times=5)
    assert execution.verdict == Verdict.INCONCLUSIVE
    assert "already before the action" in execution.verdict_reason
