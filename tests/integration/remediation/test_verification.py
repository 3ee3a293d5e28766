"""The verdict comes from the metric that alerted, and only a match resolves."""

import pytest

from incidents.commands import incident as incidents
from incidents.lifecycle import State
from remediation.commands.sweep import sweep
from remediation.models import Execution, Plan
from remediation.types import ExecutionState, Verdict
from tests.fakes.executor import Fault
from tests.integration.remediation.conftest import World


def test_good_samples_must_come_in_a_row(world: World) -> None:
    execution = world.run(world.approved())
    for value in (0.01, 0.01, 0.01, 0.3, 0.01, 0.01, 0.01):
        world.metric.value = value
        execution = world.watch(execution)
    assert execution.state == ExecutionState.VERIFYING
    execution = world.watch(execution)
    assert execution.state == ExecutionState.SUCCEEDED


def test_one_sample_per_due_time_whoever_asks(world: World) -> None:
    execution = world.run(world.approved())
    world.hands.advance(seconds=10)
    for _ in range(5):
        execution = world.watch(execution, every_s=0)
    assert len(execution.samples) == 1


def test_no_data_is_never_health(world: World) -> None:
    execution = world.run(world.approved())
    world.metric.value = None
    execution = world.watch(execution, times=26)
    assert (execution.state, execution.verdict) == (
        ExecutionState.INCONCLUSIVE,
        Verdict.INCONCLUSIVE,
    )
    assert world.incident.state == State.NO_SAFE_ACTION


def test_a_source_that_is_down_is_no_data(world: World) -> None:
    execution = world.run(world.approved())
    world.detector.connector.url = "http://127.0.0.1:9"
    world.detector.connector.save()
    execution = world.watch(execution, times=2)
    assert {sample[2] for sample in execution.samples} == {"no_data"}


def test_a_sample_from_before_the_effect_does_not_count(world: World) -> None:
    execution = world.run(world.approved())
    world.metric.value = 0.01
    execution = world.watch(execution, every_s=0)
    assert [sample[2] for sample in execution.samples] == ["no_data"]


def test_no_recovery_in_time_keeps_the_incident_open(world: World) -> None:
    execution = world.run(world.approved())
    execution = world.watch(execution, times=26)
    assert (execution.state, execution.verdict) == (ExecutionState.INCONCLUSIVE, Verdict.PARTIAL)
    assert execution.plan.state == Plan.State.FAILED
    assert world.incident.state == State.NO_SAFE_ACTION


def test_harm_is_undone_exactly_and_never_resolved(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    assert world.server.things["payments"].replicas == 4
    execution = world.watch(execution)
    world.metric.value = 0.9
    execution = world.watch(execution, times=7)
    assert (execution.state, execution.verdict) == (ExecutionState.DEVIATED, Verdict.DEVIATION)
    assert world.incident.state == State.NO_SAFE_ACTION
    undo = world.run(execution.undone_by)
    assert (undo.kind, undo.state) == (Execution.Kind.UNDO, ExecutionState.SUCCEEDED)
    assert undo.idempotency_key != execution.idempotency_key
    assert world.server.things["payments"].replicas == 2
    assert world.fresh(execution).state == ExecutionState.UNDONE
    assert world.incident.state == State.NO_SAFE_ACTION
    world.run(undo)
    assert len(world.server.effects) == 2


def test_what_somebody_changed_since_is_not_undone(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    world.metric.value = 0.9
    world.server.things["payments"].version += 1
    world.watch(execution)
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    undo = world.run(execution.undone_by)
    assert undo.state == ExecutionState.STALE
    assert world.server.things["payments"].replicas == 4
    assert world.fresh(execution).state == ExecutionState.DEVIATED


def test_an_undo_that_got_no_answer_is_probed_like_any_action(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    world.watch(execution)
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    world.server.fault = Fault.DONE_BROKEN
    undo = world.run(execution.undone_by)
    assert undo.state == ExecutionState.UNKNOWN
    assert world.probe(undo).state == ExecutionState.SUCCEEDED
    assert world.fresh(execution).state == ExecutionState.UNDONE


def test_a_restart_that_did_harm_has_no_undo(world: World) -> None:
    execution = world.run(world.approved())
    world.watch(execution)
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    assert execution.state == ExecutionState.DEVIATED
    assert not Execution.objects.filter(undo_of=execution).exists()
    assert "a person must act" in world.last_event().text


def test_the_kill_switch_holds_for_an_undo_too(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    world.watch(execution)
    world.metric.value = 2.0
    execution = world.watch(execution, times=7)
    world.kill()
    undo = world.run(execution.undone_by)
    assert undo.state == ExecutionState.CANCELLED
    assert world.server.things["payments"].replicas == 4


def test_an_alert_that_cleared_first_leaves_the_verdict_to_the_metric(world: World) -> None:
    execution = world.run(world.approved())
    incidents.resolve(incident=world.incident, resolution="the alert cleared")
    world.metric.value = 0.01
    execution = world.watch(execution, times=4)
    assert execution.state == ExecutionState.SUCCEEDED
    assert world.incident.resolution == "the alert cleared"


@pytest.mark.parametrize("state", ["proposed", "approved"])
def test_the_sweep_lets_go_of_what_an_ended_incident_asked_for(world: World, state: str) -> None:
    plan = world.planned()
    execution = world.approved(plan) if state == "approved" else None
    world.incident.refresh_from_db()
    incidents.resolve(incident=world.incident, resolution="the alert cleared")
    sweep()
    plan.refresh_from_db()
    assert plan.state == Plan.State.DISCARDED
    if execution:
        assert world.fresh(execution).state == ExecutionState.CANCELLED
