"""The jobs themselves: after commit, outside transactions, lost, doubled and at the same time."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction

from airra.lib.jobs import Job, enqueue
from analysis.models import Investigation
from incidents.lifecycle import State
from incidents.models import Incident
from remediation.commands import approval as approvals
from remediation.commands.acting import execution as executions
from remediation.commands.steps import key_of, targets_of
from remediation.commands.sweep import sweep
from remediation.models import Approval, Execution, Plan
from remediation.types import ExecutionState, Mode
from tests.integration.remediation.conftest import World
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db(transaction=True)


def test_approving_carries_out_and_watches_by_jobs_alone(make_world: Callable[[], World]) -> None:
    world = make_world()
    investigation = world.investigated()
    with transaction.atomic():
        enqueue(Job.PLAN, investigation_id=str(investigation.pk))
    plan = Plan.objects.get()
    execution = approvals.approve(approval=world.pending(plan), by=world.ana, reason="go")
    assert execution is not None
    assert world.fresh(execution).state == ExecutionState.VERIFYING
    assert len(world.server.effects) == 1
    world.metric.value = 0.01
    for _ in range(4):
        world.hands.advance(seconds=10)
        sweep()
    assert world.fresh(execution).state == ExecutionState.SUCCEEDED
    assert world.incident.state == State.RESOLVED


def test_an_effect_inside_a_transaction_is_refused(make_world: Callable[[], World]) -> None:
    """What is not committed would be forgotten by a crash; so it is not begun."""
    world = make_world()
    execution = _approved_quietly(world)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        executions.run(execution_id=str(execution.pk))
    assert world.server.effects == []


@needs_rivals
def test_the_intent_is_committed_before_the_effect(make_world: Callable[[], World]) -> None:
    world = make_world()
    execution = _approved_quietly(world)
    seen: list[str] = []

    def look(_: str) -> None:
        seen.append(Execution.objects.values_list("state", flat=True).get(pk=execution.pk))
        connections.close_all()

    world.server.on_live = look
    world.run(execution)
    assert seen == [ExecutionState.INTENT]


def test_the_sweep_wakes_whatever_message_was_lost(make_world: Callable[[], World]) -> None:
    world = make_world()
    investigation = world.investigated()
    Investigation.objects.update(finished_at=world.hands.advance(seconds=-60))
    world.hands.advance(seconds=60)
    sweep()
    plan = Plan.objects.get(investigation=investigation)
    execution = _approved_quietly(world, plan)
    world.hands.advance(seconds=30)
    sweep()
    sweep()
    assert world.fresh(execution).state == ExecutionState.VERIFYING
    assert len(world.server.effects) == 1


def test_the_sweep_ends_what_nobody_decided(make_world: Callable[[], World]) -> None:
    world = make_world()
    plan = world.planned()
    world.hands.advance(hours=3)
    sweep()
    plan.refresh_from_db()
    assert plan.state == Plan.State.DISCARDED


def test_a_second_sweep_finds_nothing_to_do(make_world: Callable[[], World]) -> None:
    world = make_world()
    execution = world.run(_approved_quietly(world))
    world.hands.advance(seconds=1)
    for _ in range(3):
        sweep()
    assert len(world.fresh(execution).samples) == 1


@needs_rivals
def test_two_workers_at_the_same_moment_have_one_effect(make_world: Callable[[], World]) -> None:
    world = make_world()
    execution = _approved_quietly(world)
    at_once(6, lambda: executions.run(execution_id=str(execution.pk)))
    assert len(world.server.effects) == 1
    assert world.fresh(execution).state == ExecutionState.VERIFYING


@needs_rivals
def test_two_executions_at_the_same_moment_hold_the_target_one_by_one(
    make_world: Callable[[], World],
) -> None:
    world = make_world()
    first = _approved_quietly(world)
    approval = Approval.objects.get(pk=first.approval_id)
    approval.pk = None
    approval.id = Approval._meta.pk.get_default()
    approval.save(force_insert=True)
    second = Execution.objects.create(
        plan=first.plan, approval=approval, target=first.target, mode=Mode.LIVE,
        plan_hash=first.plan_hash,
        target_key=first.target_key, idempotency_key="second",
    )  # fmt: skip
    ids = [str(first.pk), str(second.pk)] * 3
    at_once(6, lambda: executions.run(execution_id=ids.pop()))
    states = {world.fresh(first).state, world.fresh(second).state}
    assert states == {ExecutionState.VERIFYING, ExecutionState.APPROVED}
    assert len(world.server.effects) == 1


def _approved_quietly(world: World, plan: Plan | None = None) -> Execution:
    """Approved, with the message lost on its way."""
    plan = plan or world.planned()
    approval = world.pending(plan)
    Approval.objects.filter(pk=approval.pk).update(
        state="approved", mode=Mode.LIVE, decided_by=world.ana, decided_at=approval.requested_at
    )
    Plan.objects.filter(pk=plan.pk).update(state=Plan.State.APPROVED)
    Incident.objects.filter(pk=world.incident.pk).update(state=State.EXECUTING)
    (first,) = targets_of(plan)
    return Execution.objects.create(
        plan=Plan.objects.get(pk=plan.pk),
        target=first,
        approval=Approval.objects.get(pk=approval.pk),
        mode=Mode.LIVE,
        plan_hash=plan.plan_hash,
        target_key=f"{plan.endpoint_id}:{plan.target_id}",
        idempotency_key=key_of(approval, "apply", first),
        created_at=approval.requested_at - timedelta(seconds=1),
    )
