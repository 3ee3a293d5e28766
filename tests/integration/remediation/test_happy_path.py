"""From a settled cause to a resolved incident, over real HTTP."""

from incidents.lifecycle import State
from incidents.models import AuditEvent
from remediation.models import Approval, Plan
from remediation.types import ExecutionState, Verdict
from tests.integration.remediation.conftest import World


def test_a_cause_becomes_a_plan_that_waits_for_approval(world: World) -> None:
    plan = world.planned()
    assert (plan.action, plan.service_name, plan.decision) == ("restart", "payments", "one")
    assert plan.before != plan.after
    assert plan.prediction["query"] == "error_ratio"
    assert 0.05 <= plan.prediction["threshold"] < plan.prediction["level_before"]
    assert world.incident.state == State.AWAITING_APPROVAL
    assert world.pending(plan).plan_hash == plan.plan_hash
    assert world.server.effects == []


def test_the_metric_recovers_and_the_incident_is_resolved(world: World) -> None:
    execution = world.run(world.approved())
    assert execution.state == ExecutionState.VERIFYING
    assert world.incident.state == State.VERIFYING
    world.metric.value = 0.01
    execution = world.watch(execution, times=4)
    assert (execution.state, execution.verdict) == (ExecutionState.SUCCEEDED, Verdict.MATCH)
    assert execution.plan.state == Plan.State.DONE
    assert world.incident.state == State.RESOLVED
    resolved = world.incident.events.get(kind="resolved")
    assert [sample[2] for sample in resolved.payload["samples"]] == ["good"] * 4
    assert world.server.effects == [(execution.idempotency_key, "restart", "payments")]
    assert AuditEvent.objects.filter(kind="execution.succeeded").count() == 1
    assert Approval.objects.get().decided_by == world.ana
