"""Plans of several steps and targets: gates between them, the ramp, and undoing in reverse."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from airra.lib import clock
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from remediation.commands import plan as plans
from remediation.commands.acting import proposal
from remediation.commands.refusal import Refused
from remediation.commands.sweep import sweep
from remediation.decision.catalog import spec_of
from remediation.execution.base import NothingToActOn
from remediation.execution.executors.webhook import WebhookExecutor
from remediation.models import Approval, Execution, Plan, Step, StepTarget
from remediation.types import ActionRequest, ExecutionState, Verdict
from tests.integration.remediation.conftest import World

S = ExecutionState
SCALE = ActionRequest("scale", "payments", {"replicas": 4})
FLAG = ActionRequest("set_flag", "payments", {"flag": "payments.fraud_check", "value": False})
RESTART = ActionRequest("restart", "checkout")


def asked(world: World, *steps: ActionRequest) -> Plan:
    first, *then = steps
    wish = plans.request_action(
        incident=world.incident,
        action=first.action,
        service=first.service,
        params=first.params,
        by=world.requester,
        then=then,
    )
    return world.answered(wish)


def newest(plan: Plan, kind: str = "apply") -> Execution:
    return plan.executions.filter(kind=kind).latest("created_at", "id")


def proved(world: World, execution: Execution) -> Execution:
    """Run it, and see the metric recover."""
    world.metric.value = 0.4
    execution = world.run(execution)
    assert execution.state == S.VERIFYING, execution.error
    world.metric.value = 0.01
    return world.watch(execution, times=12)


def harmful(world: World, execution: Execution) -> Execution:
    world.metric.value = 0.4
    execution = world.watch(world.run(execution))
    world.metric.value = 2.0
    return world.watch(execution, times=12)


def done(world: World) -> list[str]:
    return [action for _, action, _ in world.server.effects]


def test_a_plan_of_one_step_has_its_row(world: World) -> None:
    plan = world.planned()
    (step,) = plan.steps.all()
    (target,) = step.targets.all()
    assert (step.position, step.action, step.title) == (1, plan.action, plan.title)
    assert (target.ordinal, target.target_id) == (0, plan.target_id)
    assert world.approved(plan).target == target


def test_a_step_begins_after_the_match_of_the_one_before(world: World) -> None:
    plan = asked(world, SCALE, RESTART)
    assert plan.title == "Scale payments to 4 replicas, then Restart checkout"
    first = world.approved(plan)
    assert plan.executions.count() == 1
    first = proved(world, first)
    assert (first.state, first.plan.state) == (S.SUCCEEDED, Plan.State.APPROVED)
    assert world.incident.state != State.RESOLVED
    second = newest(plan)
    assert second.target is not None
    assert second.target.step.position == 2
    assert done(world) == ["scale"]
    second = proved(world, second)
    assert (second.state, second.plan.state) == (S.SUCCEEDED, Plan.State.DONE)
    assert done(world) == ["scale", "restart"]
    assert second.verdict_reason.startswith("errors below")
    assert world.incident.state == State.RESOLVED


def test_a_step_on_the_same_target_expects_what_the_plan_itself_left(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    proved(world, world.approved(plan))
    second = proved(world, newest(plan))
    assert second.state == S.SUCCEEDED
    assert done(world) == ["scale", "set_flag"]


def test_what_somebody_else_changed_between_two_steps_stops_the_plan(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    proved(world, world.approved(plan))
    world.server.things["payments"].version += 1
    second = world.run(newest(plan))
    assert second.state == S.STALE
    plan.refresh_from_db()
    assert plan.state == Plan.State.FAILED
    assert done(world) == ["scale"], "and nothing is done again by planning it anew"
    assert not Plan.objects.filter(state=Plan.State.PROPOSED).exists()
    assert "1 of 2 were done; a person must look" in world.last_event().text


def test_harm_undoes_what_was_done_in_reverse(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    first = proved(world, world.approved(plan))
    second = harmful(world, newest(plan))
    assert second.state == S.DEVIATED
    undo = newest(plan, "undo")
    assert undo.undo_of == second
    assert plan.executions.filter(kind="undo").count() == 1
    assert world.run(undo).state == S.SUCCEEDED
    undo = newest(plan, "undo")
    assert undo.undo_of == first
    assert world.run(undo).state == S.SUCCEEDED
    assert {world.fresh(first).state, world.fresh(second).state} == {S.UNDONE}
    thing = world.server.things["payments"]
    assert (thing.replicas, thing.flags["payments.fraud_check"]) == (2, True)
    assert done(world) == ["scale", "set_flag", "set_flag", "scale"]
    plan.refresh_from_db()
    assert plan.state == Plan.State.FAILED
    assert world.incident.state == State.NO_SAFE_ACTION
    assert "everything is undone" in world.last_event().text


def test_the_first_undo_that_cannot_be_proved_is_the_last(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    first = proved(world, world.approved(plan))
    harmful(world, newest(plan))
    world.server.things["payments"].version += 1
    assert world.run(newest(plan, "undo")).state == S.STALE
    assert plan.executions.filter(kind="undo").count() == 1
    assert world.fresh(first).state == S.SUCCEEDED
    assert "its undo is not proved" in world.last_event().text


def test_what_has_no_exact_undo_is_left_to_a_person(world: World) -> None:
    plan = asked(world, SCALE, RESTART)
    proved(world, world.approved(plan))
    harmful(world, newest(plan))
    assert not plan.executions.filter(kind="undo").exists()
    assert "it has no exact undo. 2 of 2 were done; a person must look" in world.last_event().text


def test_without_data_nothing_more_begins_and_nothing_is_undone(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    execution = world.run(world.approved(plan))
    world.metric.value = None
    execution = world.watch(execution, times=30)
    assert execution.verdict == Verdict.INCONCLUSIVE
    assert plan.executions.count() == 1
    assert "there was no data to judge it by" in world.last_event().text


def test_an_incident_that_ended_needs_no_next_step(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    first = world.approved(plan)
    world.run(first)
    world.incident.refresh_from_db()
    incidents.resolve(incident=world.incident, resolution="the alert cleared")
    world.metric.value = 0.01
    world.watch(first, times=12)
    sweep()
    assert plan.executions.count() == 1
    plan.refresh_from_db()
    assert plan.state != Plan.State.APPROVED


def test_an_edit_of_any_step_voids_the_whole(world: World) -> None:
    plan = asked(world, SCALE, FLAG)
    execution = world.approved(plan)
    StepTarget.objects.filter(step__plan=plan, step__position=2).update(after={"flags": {}})
    assert world.run(execution).state == S.STALE
    assert world.server.effects == []


@pytest.mark.parametrize("edit", [{"params": {}}, {"action_version": 9}, {"service_name": "x"}])
def test_a_step_is_part_of_what_is_approved(world: World, edit: dict[str, Any]) -> None:
    plan = asked(world, SCALE, FLAG)
    Step.objects.filter(plan=plan, position=2).update(**edit)
    with pytest.raises(Refused, match="no longer the one"):
        world.approved(plan)


def test_a_second_dry_run_asks_for_every_step(world: World) -> None:
    plan = asked(world, SCALE, RESTART)
    assert world.tried(plan).state == S.SUCCEEDED
    world.server.things["checkout"].version += 1
    assert world.tried(plan).state == S.STALE
    anew = Plan.objects.get(state=Plan.State.PROPOSED)
    assert [step.action for step in anew.steps.all()] == ["scale", "restart"]


def test_a_plan_has_at_most_five_steps(world: World) -> None:
    with pytest.raises(Refused, match="1 to 5 steps, not 6"):
        asked(world, *[RESTART] * 6)
    plan = world.planned()
    step = Step(plan=plan, position=6, endpoint=world.endpoint, action_version=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        step.save(force_insert=True)


def resolving(monkeypatch: pytest.MonkeyPatch, *names: str, most: int = 16) -> None:
    """The endpoint knows several targets of a service, as those of fleets do."""

    def resolve(self: WebhookExecutor, request: ActionRequest) -> Sequence[str]:
        if not names:
            msg = "nothing of that name is there"
            raise NothingToActOn(msg)
        return names

    monkeypatch.setattr(WebhookExecutor, "resolve", resolve)
    wide = replace(spec_of("scale"), max_targets=most)
    monkeypatch.setattr(proposal, "spec_of", lambda action: wide)


@pytest.mark.parametrize(
    ("names", "why"),
    [((), "nothing of that name"), (("a", "b"), "resolves to 2 targets"), (("a", "a"), "2 target")],
)
def test_a_selector_means_neither_nothing_nor_everything(
    world: World, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], why: str
) -> None:
    resolving(monkeypatch, *names, most=1)
    with pytest.raises(Refused, match=why) as refused:
        asked(world, SCALE)
    assert refused.value.rule == "targets"
    assert Approval.objects.count() == 0


def test_a_fleet_is_acted_on_canary_first_and_stops_at_harm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"payments-{number}" for number in range(8)]
    really = WebhookExecutor.plan

    def plan_of(self: WebhookExecutor, request: ActionRequest) -> Any:
        return replace(really(self, request), target_id=request.target)

    resolving(monkeypatch, *names)
    monkeypatch.setattr(WebhookExecutor, "plan", plan_of)
    with pytest.raises(Refused, match="the incident has used up its actions"):
        asked(world, SCALE)
    world.policy(max_actions_per_incident=8, max_actions_per_hour=8)
    plan = asked(world, SCALE)
    assert plan.title == "Scale payments to 4 replicas on 8 targets"
    canary = world.approved(plan)
    begun = list(plan.executions.values_list("target__target", flat=True))
    assert begun == ["payments-0"]
    Execution.objects.filter(pk=canary.pk).update(
        state=S.VERIFYING, effect_at=clock.now(), intent_at=clock.now(), next_check_at=clock.now()
    )
    world.metric.value = 0.01
    world.watch(canary, times=12)
    begun = sorted(plan.executions.values_list("target__target", flat=True))
    assert begun == ["payments-0", "payments-1", "payments-2"]
