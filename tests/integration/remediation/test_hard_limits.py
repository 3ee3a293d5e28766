"""Hard limits: at plan time and in the claim, where what passes waits and what stays ends it."""

from datetime import timedelta
from typing import Any

import pytest

from airra.lib import clock
from incidents.models import Incident, Service, ServiceDependency, Workspace
from remediation.commands.acting import plan as plans
from remediation.commands.limits import counts_for, fleet_of, limits_hold
from remediation.commands.plan import request_action
from remediation.models import Approval, Execution, Plan, PolicyRuling, StepTarget
from remediation.types import ExecutionState
from tests.factories import incidents
from tests.factories import remediation as make
from tests.integration.remediation.conftest import World

S = ExecutionState


def earlier(
    world: World,
    *,
    incident: Incident | None = None,
    plan: dict[str, Any] | None = None,
    **fields: Any,
) -> Execution:
    """An action that has been carried out for another incident, ten minutes ago."""
    if incident is None:
        number = Incident.objects.count() + 1
        incident = Incident.objects.create(
            workspace=world.workspace, number=number, title="earlier", severity="low",
            source="manual", grouping_key=f"earlier {number}", state="resolved",
            resolved_at=clock.now(), started_at=clock.now() - timedelta(hours=9),
        )  # fmt: skip
    made = make.plan(incident, endpoint=world.endpoint, state=Plan.State.DONE, **(plan or {}))
    asked = make.approval(
        made, state=Approval.State.APPROVED, decided_by=world.ben, decided_at=clock.now()
    )
    values = {
        "state": S.SUCCEEDED,
        "target_key": f"{world.endpoint.pk}:elsewhere",
        "intent_at": clock.now() - timedelta(minutes=10),
        **fields,
    }
    return make.execution(asked, by=world.ana, **values)


def neighbour(world: World, name: str = "checkout") -> Service:
    other = Service.objects.create(workspace=world.workspace, name=name, environment="staging")
    ServiceDependency.objects.create(caller=other, callee=world.service)
    return other


def test_a_claim_waits_while_a_neighbour_is_worked_on(world: World) -> None:
    neighbour(world)
    execution = world.approved()
    other = earlier(world, plan={"service_name": "checkout"}, state=S.VERIFYING)
    execution = world.run(execution)
    assert execution.state == S.APPROVED
    assert world.server.effects == []
    Execution.objects.filter(pk=other.pk).update(state=S.SUCCEEDED)
    assert world.run(execution).state == S.VERIFYING


def test_what_is_no_neighbour_does_not_matter(world: World) -> None:
    execution = world.approved()
    earlier(world, plan={"service_name": "checkout"}, state=S.VERIFYING)
    assert world.run(execution).state == S.VERIFYING


@pytest.mark.parametrize("state", [S.FAILED, S.STALE, S.CANCELLED])
def test_what_did_not_happen_does_not_count(world: World, state: str) -> None:
    execution = world.approved()
    for _ in range(7):
        earlier(world, state=state, target_key=execution.target_key)
    assert world.run(execution).state == S.VERIFYING


def test_a_target_has_two_actions_in_six_hours(world: World) -> None:
    execution = world.approved()
    for hours in (7, 5, 4):
        at = clock.now() - timedelta(hours=hours)
        earlier(world, target_key=execution.target_key, intent_at=at)
    execution = world.run(execution)
    assert (execution.state, execution.error) == (
        S.CANCELLED,
        "the target had its actions of six hours",
    )


def test_an_incident_has_three_actions(world: World) -> None:
    execution = world.approved()
    for _ in range(3):
        earlier(world, incident=world.incident)
    execution = world.run(execution)
    assert (execution.state, execution.error) == (
        S.CANCELLED,
        "the incident has used up its actions",
    )


def test_an_hour_has_six_actions_in_the_whole_installation(world: World) -> None:
    execution = world.approved()
    elsewhere = Workspace.objects.create(name="Other", slug="other")
    for i in range(6):
        done = earlier(world)
        if i % 2:
            Incident.objects.filter(pk=done.plan.incident_id).update(workspace=elsewhere)
    assert world.run(execution).state == S.APPROVED
    world.hands.advance(minutes=51)
    Approval.objects.update(expires_at=clock.now() + timedelta(hours=1))
    assert world.run(execution).state == S.VERIFYING


def test_no_more_than_a_share_of_a_fleet_at_once(world: World) -> None:
    execution = world.approved()
    Execution.objects.filter(pk=execution.pk).update(target_key="x:payments-3")
    for i in (1, 2):
        earlier(
            world,
            plan={"service_name": "payments"},
            state=S.VERIFYING,
            target_key=f"x:payments-{i}",
        )
    world.policy(max_actions_nearby=5, max_fleet_share=0.25)
    for replicas, is_held in ((11, True), (12, False)):
        StepTarget.objects.filter(step__plan=execution.plan).update(before={"replicas": replicas})
        assert (limits_hold(world.fresh(execution)) is not None) is is_held


def test_nothing_holds_an_undo(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    world.watch(execution)
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    for _ in range(7):
        earlier(world, target_key=execution.target_key)
    assert world.run(execution.undone_by).state == S.SUCCEEDED


def test_a_step_does_not_stand_in_its_own_way_and_counts_all_the_same(world: World) -> None:
    """Its targets in flight are the ramp's, within the share of the fleet."""
    execution = world.run(world.approved())
    assert execution.target is not None
    known: dict[str, Any] = {
        "workspace": world.workspace,
        "incident_id": world.incident.pk,
        "service": "payments",
        "target_key": execution.target_key,
    }
    one = counts_for(**known)
    assert (one.on_incident, one.on_target, one.nearby, one.of_fleet, one.last_hour) == (1,) * 5
    own = counts_for(**known, step=execution.target.step)
    assert (own.on_incident, own.on_target, own.of_fleet, own.last_hour) == (1,) * 4
    assert own.nearby == 0


@pytest.mark.parametrize(
    ("before", "fleet"),
    [({"replicas": 4}, 4), ({"desired_replicas": 2}, 2), ({}, 0), ({"replicas": "many"}, 0)],
)
def test_the_size_of_a_fleet_is_what_the_target_said(before: dict[str, Any], fleet: int) -> None:
    assert fleet_of(before) == fleet


def test_at_plan_time_what_passes_only_waits(world: World) -> None:
    neighbour(world)
    earlier(world, plan={"service_name": "checkout"}, state=S.VERIFYING)
    plan = world.planned()
    held = next(check for check in plan.checks if check["name"] == "one at a time nearby")
    assert held["ok"] is False
    assert "wait its turn" in held["detail"]


def test_an_unsettled_neighbour_asks_for_two_people(world: World) -> None:
    neighbour(world)
    earlier(world, plan={"service_name": "checkout"}, state=S.UNKNOWN)
    plan = world.planned()
    assert plan.decision == "two"
    assert "nobody knows yet how an action on a neighbour ended" in plan.decision_reasons


def test_stale_topology_asks_for_two_people(world: World) -> None:
    neighbour(world)
    ServiceDependency.objects.update(last_seen_at=clock.now() - timedelta(hours=25))
    plan = world.planned()
    assert plan.decision == "two"
    assert any("has not been seen lately" in reason for reason in plan.decision_reasons)


def test_a_storm_asks_for_two_people(world: World) -> None:
    world.incident.started_at = clock.now()
    world.incident.save()
    for i in range(5):
        name = f"caller{i}"
        Incident.objects.create(
            workspace=world.workspace, number=10 + i, title=name, severity="low", source="manual",
            grouping_key=name, service=neighbour(world, name), started_at=clock.now(),
        )  # fmt: skip
    plan = world.planned()
    assert plan.decision == "two"
    assert "many incidents at once are one trouble: 6 of them" in plan.decision_reasons


def test_a_flapping_alert_asks_for_two_people(world: World) -> None:
    """Whether the fix helped could not be told from the next lull."""
    incidents.alert(world.incident, is_flapping=True)
    plan = world.planned()
    assert plan.decision == "two"
    assert "its alert is flapping: a lull would look like a mend" in plan.decision_reasons


def test_a_fix_that_only_masks_is_left_to_people_the_third_time(world: World) -> None:
    key = f"{world.endpoint.pk}:service/payments"
    for hours in (20, 10):
        earlier(world, target_key=key, intent_at=clock.now() - timedelta(hours=hours))
    assert plans.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "it would only mask the cause: restarting only hides it" in world.last_event().text


def test_every_answer_of_policy_is_kept_with_its_facts(world: World) -> None:
    plan = world.planned()
    kept = PolicyRuling.objects.get()
    assert (kept.plan, kept.decision, kept.reasons) == (plan, plan.decision, plan.decision_reasons)
    assert kept.facts["environment"] == "staging"


def test_what_policy_refused_is_kept_too(world: World) -> None:
    world.policy(allowed_environments=["dev"])
    assert plans.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "no action is allowed in this environment: staging" in world.last_event().text
    kept = PolicyRuling.objects.get()
    assert (kept.plan, kept.decision) == (None, "escalate")


def test_belief_in_a_cause_is_no_belief_in_what_a_person_asks_for(world: World) -> None:
    world.investigated(confidence=0.99)
    request_action(
        incident=world.incident, action="restart", service="payments", params={}, by=world.requester
    )
    world.answer()
    kept = PolicyRuling.objects.get()
    assert (kept.facts["confidence"], kept.facts["vouched_for"]) == (0.0, True)
