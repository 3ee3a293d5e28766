"""Every target of every step counts: nothing slips under a limit or a stop as a later step."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from airra.lib import clock
from incidents.models import Service, ServiceDependency
from remediation.commands import plan as plans
from remediation.commands.limits import history
from remediation.commands.refusal import Refused
from remediation.decision.catalog import spec_of
from remediation.models import Execution, Plan, PolicyRuling, Step, StepTarget
from remediation.queries.executions import record_of
from remediation.queries.plan import visible_approval
from remediation.queries.review import review
from remediation.types import ExecutionState
from tests.factories import remediation as make
from tests.integration.remediation.conftest import World
from tests.integration.remediation.test_hard_limits import earlier, neighbour
from tests.integration.remediation.test_steps import FLAG, RESTART, SCALE, asked, newest, proved

S = ExecutionState


def later_step(world: World, *, step: dict[str, Any] | None = None, **fields: Any) -> Execution:
    """The second step of an earlier plan, carried out too; its first step is about nothing here."""
    first = earlier(world, plan={"service_name": "elsewhere", "action": "drain"})
    row = Step.objects.create(
        plan=first.plan, position=2, endpoint=world.endpoint, action_version=1, title="second",
        **{"action": "restart", "service_name": "payments", **(step or {})},
    )  # fmt: skip
    target = StepTarget.objects.create(
        step=row, ordinal=0, target_id="x", target_version="1", reversibility="exact_undo",
        before=fields.pop("before", {}), after=fields.pop("after", {}), fidelity="server",
    )  # fmt: skip
    values = {
        "target": target,
        "state": S.SUCCEEDED,
        "target_key": f"{world.endpoint.pk}:later",
        "intent_at": clock.now() - timedelta(minutes=10),
        "idempotency_key": str(target.pk),
        **fields,
    }
    return make.execution(first.approval, by=world.ana, **values)


def on_payments(world: World) -> str:
    return f"{world.endpoint.pk}:service/payments"


def test_a_claim_waits_for_the_later_step_of_a_neighbour(world: World) -> None:
    neighbour(world)
    execution = world.approved()
    other = later_step(world, step={"service_name": "checkout"}, state=S.VERIFYING)
    assert world.run(execution).state == S.APPROVED
    Execution.objects.filter(pk=other.pk).update(state=S.SUCCEEDED)
    assert world.run(execution).state == S.VERIFYING


def test_the_later_step_of_this_plan_waits_for_its_own_neighbours(world: World) -> None:
    checkout = neighbour(world)
    api = Service.objects.create(workspace=world.workspace, name="api", environment="staging")
    ServiceDependency.objects.create(caller=api, callee=checkout)
    plan = asked(world, SCALE, RESTART)
    proved(world, world.approved(plan))
    earlier(world, plan={"service_name": "api"}, state=S.VERIFYING)  # beyond the reach of payments
    assert world.run(newest(plan)).state == S.APPROVED


def test_an_hour_counts_every_step(world: World) -> None:
    world.policy(max_actions_per_hour=2)
    execution = world.approved()
    later_step(world)
    assert world.run(execution).state == S.APPROVED


def test_an_hour_counts_the_earlier_steps_of_the_same_plan(world: World) -> None:
    world.policy(max_actions_per_hour=2)
    plan = asked(world, SCALE, RESTART)
    proved(world, world.approved(plan))
    earlier(world)
    assert world.run(newest(plan)).state == S.APPROVED


def test_an_incident_counts_every_step(world: World) -> None:
    done = later_step(world)
    Plan.objects.filter(pk=done.plan_id).update(incident=world.incident)
    world.policy(max_actions_per_incident=2)
    with pytest.raises(Refused, match="the incident has used up its actions"):
        asked(world, RESTART)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"max_actions_per_incident": 1}, "the incident has used up its actions"),
        ({"max_actions_per_target": 1}, "the target had its actions of six hours"),
        ({"max_actions_per_hour": 1}, "too many actions within an hour"),
    ],
)
def test_a_plan_with_more_than_is_allowed_is_never_asked_about(
    world: World, limits: dict[str, int], why: str
) -> None:
    world.policy(**limits)
    with pytest.raises(Refused, match=why):
        asked(world, SCALE, FLAG)


def test_the_same_twice_in_one_plan_is_within_its_cool_down(world: World) -> None:
    plan = asked(world, RESTART, RESTART)
    assert plan.decision == "two"
    assert "the same action ran here a moment ago" in plan.decision_reasons


def test_the_third_of_a_kind_in_one_plan_only_masks(world: World) -> None:
    world.policy(max_actions_per_target=5, max_actions_per_incident=5)
    with pytest.raises(Refused, match="restarting only hides it: third time"):
        asked(world, RESTART, RESTART, RESTART)


def test_a_later_step_starts_the_cool_down(world: World) -> None:
    cooldown = spec_of("restart").cooldown_s
    at = clock.now() - timedelta(seconds=cooldown - 1)
    later_step(world, target_key=on_payments(world), intent_at=at)
    plan = world.planned()
    assert plan.decision == "two"
    assert PolicyRuling.objects.get(plan=plan).facts["cooling_down"] is True


def test_a_later_step_is_flapping_and_masking_too(world: World) -> None:
    for hours in (1, 2):
        at = clock.now() - timedelta(hours=hours)
        later_step(world, target_key=on_payments(world), intent_at=at)
    world.policy(max_actions_per_target=5)
    with pytest.raises(Refused) as refused:
        asked(world, replaced("payments"))
    assert "the same action ran on this target twice within six hours" in str(refused.value)
    assert "restarting only hides it: third time" in str(refused.value)


def replaced(service: str) -> Any:
    return type(RESTART)(RESTART.action, service)


def test_a_limit_that_a_later_step_grew_counts_as_growth(world: World) -> None:
    for hours, replicas in ((10, 1), (9, 2)):
        at = clock.now() - timedelta(hours=hours)
        later_step(
            world, step={"action": "scale"}, target_key=on_payments(world), intent_at=at,
            before={"replicas": replicas - 1}, after={"replicas": replicas},
        )  # fmt: skip
    with pytest.raises(Refused, match="ever more only hides it"):
        asked(world, SCALE)


def test_a_later_step_that_nobody_knows_the_end_of_asks_for_two_people(world: World) -> None:
    neighbour(world)
    later_step(world, step={"service_name": "checkout"}, state=S.UNKNOWN)
    plan = world.planned()
    assert "nobody knows yet how an action on a neighbour ended" in plan.decision_reasons


def test_a_later_step_has_its_share_in_the_history(world: World) -> None:
    later_step(world, verdict="match")
    record = record_of(world.workspace, action="restart", service="payments")
    assert (record.total, record.helped) == (1, 1)
    factors = {name: reason for name, _, reason in world.planned().risk_factors}
    assert "1" in factors["history"]
    assert history(world.workspace).count() == 2


def test_an_execution_names_what_it_acts_on_or_the_database_refuses_it(world: World) -> None:
    """Otherwise it would count for nothing."""
    execution = world.approved()
    with pytest.raises(IntegrityError, match="live_execution_names_its_target"):
        Execution.objects.filter(pk=execution.pk).update(target=None)


def test_the_review_tells_what_came_of_each_step_and_what_changed_of_each(world: World) -> None:
    plan = asked(world, SCALE, RESTART)
    approval = world.pending(plan)
    told = [title for title, _ in review(approval).records]
    assert told == ["Scale payments to 4 replicas", "Restart checkout"]
    world.server.things["checkout"].version += 1
    world.answered(plans.revise(plan=plan, by=world.requester))
    (successor,) = [review(visible_approval(world.ana, approval.pk)).standing.successor]
    assert successor is not None
    assert [change.name for change in successor.changes] == ["Targets and their versions"]


# -- stops ---------------------------------------------------------------------------------------


def elsewhere(world: World) -> Service:
    """Where the second step acts: production."""
    return Service.objects.create(workspace=world.workspace, name="checkout", environment="prod")


def test_a_stop_of_where_a_later_step_acts_keeps_it_from_being_approved(world: World) -> None:
    elsewhere(world)
    plan = asked(world, SCALE, RESTART)
    world.kill("environment", "prod")
    with pytest.raises(Refused, match="the kill switch is on"):
        world.approved(plan)


def test_a_freeze_of_where_a_later_step_acts_keeps_it_from_being_approved(world: World) -> None:
    service = elsewhere(world)
    plan = asked(world, SCALE, RESTART)
    world.freeze(service=service)
    with pytest.raises(Refused, match="a freeze window is open"):
        world.approved(plan)


def test_nothing_begins_that_may_not_be_finished(world: World) -> None:
    elsewhere(world)
    execution = world.approved(asked(world, SCALE, RESTART))
    world.kill("environment", "prod")
    assert world.run(execution).state == S.CANCELLED
    assert world.server.effects == []


def test_a_later_step_is_not_sent_where_it_is_stopped(world: World) -> None:
    elsewhere(world)
    plan = asked(world, SCALE, RESTART)
    proved(world, world.approved(plan))
    world.kill("environment", "prod")
    assert world.run(newest(plan)).state == S.CANCELLED
    assert [action for _, action, _ in world.server.effects] == ["scale"]


def test_an_undo_is_held_by_a_stop_of_its_own_place_only(world: World) -> None:
    elsewhere(world)
    plan = asked(world, SCALE, RESTART)
    execution = world.watch(world.run(world.approved(plan)))
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    world.kill("environment", "prod")
    assert world.run(execution.undone_by).state == S.SUCCEEDED
    assert execution.undone_by.target is not None
