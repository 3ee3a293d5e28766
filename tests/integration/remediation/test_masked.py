"""The third fix in a row that only hides its trouble is refused, and the incident says why."""

from datetime import timedelta
from typing import Any

from airra.lib import clock
from incidents.lifecycle import State
from remediation.commands.acting import plan as planning
from remediation.models import Execution, Plan, StepTarget
from remediation.types import ExecutionState, Mode
from tests.integration.remediation.conftest import World


def done_before(world: World, plan: Plan, *, minutes_ago: float, **fields: Any) -> Execution:
    """A live run of this plan on its target, that matched."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    target = f"{plan.endpoint_id}:{plan.target_id}"
    values = {"state": ExecutionState.SUCCEEDED, "verdict": "match", "effect_at": at, **fields}
    return Execution.objects.create(
        plan=plan, approval=plan.approvals.all()[0], mode=Mode.LIVE, plan_hash=plan.plan_hash,
        target_key=target, idempotency_key=f"before-{minutes_ago}", intent_at=at,
        target=StepTarget.objects.get(step__plan=plan), **values,
    )  # fmt: skip


def third(world: World, **cause: Any) -> str:
    """What the incident says when it is planned for once more."""
    world.hands.advance(seconds=1)
    Plan.objects.update(state=Plan.State.DONE)
    world.incident.state = State.ANALYSING
    world.incident.save()
    planning.create_for(investigation_id=str(world.investigated(**cause).pk))
    return world.last_event().text


def test_a_third_restart_for_the_same_leak_is_refused(world: World) -> None:
    plan = world.planned()
    done_before(world, plan, minutes_ago=40)
    done_before(world, plan, minutes_ago=18)
    told = third(world)
    assert "restarting only hides it: third time in 40 minutes; find the leak" in told
    world.incident.refresh_from_db()
    assert world.incident.state == State.NO_SAFE_ACTION


def test_replicas_that_only_grow_are_refused(world: World) -> None:
    cause = {"mechanism": "traffic", "signal": "traffic", "statement": "too much traffic"}
    plan = world.planned(**cause)
    grown = {"before": {"replicas": 1}, "after": {"replicas": 2}}
    StepTarget.objects.filter(step__plan=plan).update(**grown)
    done_before(world, plan, minutes_ago=300)
    done_before(world, plan, minutes_ago=200)
    told = third(world, **cause)
    assert "ever more only hides it: replicas 1 → 2 → 2 → 4, third time in 5 hours" in told
    assert "find where the load comes from" in told


def test_what_never_happened_is_no_fix(world: World) -> None:
    plan = world.planned()
    done_before(world, plan, minutes_ago=400)
    done_before(world, plan, minutes_ago=390, effect_at=None, state=ExecutionState.FAILED)
    assert "only hides it" not in third(world)
