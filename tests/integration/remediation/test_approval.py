"""People decide: who may, on what, until when."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, InternalError, transaction

from airra.lib.db import Conflict
from incidents.lifecycle import State
from incidents.models import AuditEvent, Incident, Workspace
from incidents.permissions import NotPermitted, Role
from remediation.commands import approval as approvals
from remediation.commands import plan as plans
from remediation.commands.proposal import ask
from remediation.commands.refusal import Refused
from remediation.commands.vote import Stand
from remediation.models import Approval, Execution, Plan, Vote
from remediation.types import ExecutionState, Factor, Mode
from tests.integration.remediation.conftest import World, member

SURE = Stand(Factor.STEP_UP)


def approve(world: World, plan: Plan, by: User, **said: Any) -> Execution | None:
    return approvals.approve(approval=world.pending(plan), by=by, **{"reason": "go", **said})


def risky(world: World) -> Plan:
    """A plan that needs two: its cause rests on text outsiders can write."""
    return world.planned(is_tainted=True)


def test_whoever_asked_cannot_approve(world: World) -> None:
    world.investigated()
    wish = plans.request_action(
        incident=world.incident, action="restart", service="payments", params={},
        by=world.requester,
    )  # fmt: skip
    plan = world.answered(wish)
    with pytest.raises(Refused, match="cannot approve"):
        approve(world, plan, world.requester)
    assert approve(world, plan, world.ana) is not None


def test_a_superuser_who_asked_cannot_approve_either(world: World) -> None:
    root = User.objects.create_superuser("root")
    wish = plans.request_action(
        incident=world.incident, action="restart", service="payments", params={}, by=root
    )
    plan = world.answered(wish)
    with pytest.raises(Refused, match="cannot approve"):
        approve(world, plan, root)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_only_approvers_approve(world: World, role: Role) -> None:
    plan = world.planned()
    with pytest.raises(NotPermitted):
        approve(world, plan, member(world.workspace, "eve", role))


def test_an_approver_elsewhere_is_nobody_here(world: World) -> None:
    plan = world.planned()
    elsewhere = Workspace.objects.create(name="Other", slug="other")
    with pytest.raises(NotPermitted):
        approve(world, plan, member(elsewhere, "olga", Role.APPROVER))


def test_two_approvals_are_two_people(world: World) -> None:
    plan = risky(world)
    assert plan.decision == "two"
    assert approve(world, plan, world.ana) is None
    assert Execution.objects.count() == 0
    with pytest.raises(Refused, match="somebody else"):
        approve(world, plan, world.ana)
    execution = approve(world, plan, world.ben)
    assert execution is not None
    decided = execution.approval
    assert (decided.first_approver, decided.decided_by) == (world.ana, world.ben)


def test_two_first_approvers_at_once_are_told_apart(world: World) -> None:
    plan = risky(world)
    hers, his = world.pending(plan), world.pending(plan)
    approvals.approve(approval=hers, by=world.ana, reason="go")
    with pytest.raises(Conflict):
        approvals.approve(approval=his, by=world.ben, reason="go")
    assert Execution.objects.count() == 0


def test_two_deciders_at_once_start_one_execution(world: World) -> None:
    plan = world.planned()
    hers, his = world.pending(plan), world.pending(plan)
    approvals.approve(approval=hers, by=world.ana)
    with pytest.raises(Conflict):
        approvals.approve(approval=his, by=world.ben)
    assert Execution.objects.count() == 1


def test_an_expired_approval_cannot_be_used(world: World) -> None:
    plan = world.planned()
    world.hands.advance(hours=2)
    with pytest.raises(Refused, match="expired"):
        approve(world, plan, world.ana)


def test_what_nobody_decides_expires_and_goes_to_people(world: World) -> None:
    plan = world.planned()
    assert approvals.expire(world.hands.advance(hours=2)) == 1
    plan.refresh_from_db()
    world.incident.refresh_from_db()
    assert plan.state == Plan.State.DISCARDED
    assert world.incident.state == State.NO_SAFE_ACTION
    assert approvals.expire(world.hands.advance(hours=2)) == 0


def test_a_plan_edited_after_it_was_asked_about_cannot_be_approved(world: World) -> None:
    plan = world.planned()
    Plan.objects.filter(pk=plan.pk).update(params={"anything": 1})
    with pytest.raises(Refused, match="no longer the one"):
        approve(world, plan, world.ana)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda world: world.policy(version=9), "policy_version"),
        (lambda world: world.kill(), "kill_switch"),
        (lambda world: world.freeze(), "freeze"),
    ],
)
def test_policy_is_asked_again_at_the_approval(
    world: World, change: Callable[[World], object], rule: str
) -> None:
    plan = world.planned()
    change(world)
    with pytest.raises(Refused) as refused:
        approve(world, plan, world.ana)
    assert refused.value.rule == rule


def test_high_risk_needs_a_reason(world: World) -> None:
    world.service.environment = "prod"
    world.service.save()
    Incident.objects.create(
        workspace=world.workspace, number=2, title="other", severity="critical",
        source="manual", grouping_key="other",
    )  # fmt: skip
    plan = world.planned()
    assert (plan.risk_band, plan.decision) == ("high", "two")
    with pytest.raises(Refused, match="say why"):
        approve(world, plan, world.ana, reason=" ")
    with pytest.raises(Refused, match="password once more"):
        approve(world, plan, world.ana)
    with pytest.raises(Refused, match="an API token cannot"):
        approve(world, plan, world.ana, stand=Stand(Factor.TOKEN))
    assert approve(world, plan, world.ana, stand=SURE) is None
    assert approve(world, plan, world.ben, stand=SURE) is not None
    assert {vote.factor for vote in Vote.objects.all()} == {Factor.STEP_UP}


def test_a_dry_run_of_something_risky_asks_for_nothing_more(world: World) -> None:
    plan = world.planned()
    Plan.objects.filter(pk=plan.pk).update(risk_band="high")
    assert world.tried(plan, by=world.ana).mode == Mode.DRY_RUN
    assert world.server.effects == []


def test_a_rejection_ends_the_plan_and_names_its_author(world: World) -> None:
    plan = world.planned()
    with pytest.raises(Refused, match="say why"):
        approvals.reject(approval=world.pending(plan), by=world.ana, reason="")
    approvals.reject(approval=world.pending(plan), by=world.ana, reason="not at noon")
    plan.refresh_from_db()
    world.incident.refresh_from_db()
    assert plan.state == Plan.State.DISCARDED
    assert world.incident.state == State.NO_SAFE_ACTION
    assert world.last_event().author == world.ana


def test_a_dry_run_changes_nothing_and_asks_again_for_the_same_hash(world: World) -> None:
    plan = world.planned()
    first = world.pending(plan)
    execution = world.tried(plan)
    assert (execution.mode, execution.state) == (Mode.DRY_RUN, ExecutionState.SUCCEEDED)
    assert execution.result["planned"]["after"] == plan.after
    assert world.server.effects == []
    again = world.pending(plan)
    assert again.pk != first.pk
    assert again.plan_hash == plan.plan_hash
    live = world.run(world.approved(plan))
    assert live.state == ExecutionState.VERIFYING


def test_a_dry_run_that_differs_replaces_the_plan(world: World) -> None:
    plan = world.planned()
    world.server.things["payments"].version = 5
    execution = world.tried(plan)
    assert execution.state == ExecutionState.STALE
    anew = Plan.objects.get(incident=world.incident, state=Plan.State.PROPOSED)
    assert anew.plan_hash != plan.plan_hash
    assert world.pending(anew).plan_hash == anew.plan_hash
    assert Approval.objects.filter(plan=plan, state=Approval.State.PENDING).count() == 0


def test_a_dry_run_the_target_cannot_answer_is_recorded_and_asked_again(world: World) -> None:
    plan = world.planned()
    del world.server.things["payments"]
    execution = world.tried(plan)
    assert execution.state == ExecutionState.FAILED
    assert world.pending(plan).plan_hash == plan.plan_hash


def test_no_dry_run_execution_is_ever_carried_out(world: World) -> None:
    execution = world.tried(world.planned())
    Execution.objects.filter(pk=execution.pk).update(state=ExecutionState.APPROVED)
    world.run(execution)
    assert world.server.effects == []


def test_each_answer_is_a_row_that_nobody_can_change(world: World) -> None:
    plan = risky(world)
    seen_at = world.hands.advance(seconds=3)
    approve(world, plan, world.ana, reason="first", stand=Stand(opened_diff_at=seen_at))
    approve(world, plan, world.ben, reason="second")
    first, second = Vote.objects.order_by("at", "id")
    assert (first.by, first.voice, first.comment) == (world.ana, world.ana, "first")
    assert (first.opened_diff_at, second.opened_diff_at) == (seen_at, None)
    assert {first.plan_hash, second.plan_hash} == {plan.plan_hash}
    with pytest.raises(TypeError, match="append-only"):
        Vote.objects.update(comment="other")
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        Vote._base_manager.filter(pk=first.pk).update(comment="other")


def test_asking_for_changes_sends_the_plan_back_with_its_note(world: World) -> None:
    plan = world.planned()
    asked = world.pending(plan)
    with pytest.raises(Refused, match="say why you ask for changes"):
        approvals.ask_for_changes(approval=asked, by=world.ana, reason=" ")
    approvals.ask_for_changes(approval=asked, by=world.ana, reason="one host first")
    asked.refresh_from_db()
    world.incident.refresh_from_db()
    assert (asked.state, asked.decided_by) == (Approval.State.RETURNED, world.ana)
    assert world.incident.state == State.NO_SAFE_ACTION
    assert "one host first" in world.last_event().text
    wished = plans.revise(plan=Plan.objects.get(pk=plan.pk), by=world.requester)
    assert world.pending(world.answered(wished)).state == Approval.State.PENDING
    assert Execution.objects.count() == 0


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"params": {"replicas": 9}}, "no longer the one"),
        ({"after": {"restarts": 7}}, "no longer the one"),
        ({"target_version": "9"}, "no longer the one"),
        ({"plan_hash": "0" * 64}, "no longer the one"),
        ({"policy": True}, "policy has changed"),
    ],
)
def test_what_changes_voids_the_approval_and_says_why(
    world: World, edit: dict[str, Any], why: str
) -> None:
    plan = world.planned()
    asked = world.pending(plan)
    if edit.pop("policy", False):
        world.policy(version=9)
    Plan.objects.filter(pk=plan.pk).update(**edit)
    with pytest.raises(Refused, match=why):
        approve(world, plan, world.ana)
    asked.refresh_from_db()
    assert asked.state == Approval.State.VOID
    assert why in asked.void_reason
    assert AuditEvent.objects.filter(kind="approval.void", reason__contains=why).count() == 1
    with pytest.raises(Refused, match="void"):
        approvals.approve(approval=asked, by=world.ana, reason="go")


def test_the_sweep_voids_what_has_changed_before_anybody_looks(world: World) -> None:
    plan = world.planned()
    assert approvals.void_changed() == 0
    world.policy(version=9)
    assert approvals.void_changed() == 1
    plan.refresh_from_db()
    world.incident.refresh_from_db()
    assert plan.state == Plan.State.DISCARDED
    assert world.incident.state == State.NO_SAFE_ACTION


@pytest.mark.parametrize(("band", "minutes"), [("low", 60), ("medium", 30), ("high", 15)])
def test_the_riskier_the_sooner_it_expires(world: World, band: str, minutes: int) -> None:
    plan = world.planned()
    Approval.objects.all().delete()
    plan.risk_band = band
    asked = ask(plan, minutes=30)
    assert asked.expires_at - asked.requested_at == timedelta(minutes=minutes)
