"""At most one effect, whatever the network, the worker or a person does in between."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from airra.lib import clock
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from remediation.commands.acting import execution as executions
from remediation.commands.execution import settle_unknown
from remediation.commands.refusal import Refused
from remediation.commands.stops import start_again
from remediation.commands.sweep import sweep
from remediation.execution.base import CREDENTIAL_LIFE_S, Attempt, Effect
from remediation.execution.executors.webhook import WebhookExecutor
from remediation.models import Approval, Execution, KillSwitch, Plan
from remediation.types import ExecutionState, Mode, PlannedAction, Probe
from tests.fakes.executor import Fault
from tests.integration.remediation.conftest import World

LOST = [Fault.LOST_SILENT, Fault.LOST_BROKEN, Fault.LOST_500]
DONE = [Fault.DONE_SILENT, Fault.DONE_BROKEN, Fault.DONE_500, Fault.DONE_GARBAGE]


class Killed(BaseException):
    """The process dies: nothing after this line runs."""


def test_the_same_job_twice_has_one_effect(world: World) -> None:
    execution = world.approved()
    for _ in range(3):
        world.run(execution)
    assert len(world.server.effects) == 1
    live = [h for _, h in world.server.requests if "x-airra-dry-run" not in h]
    assert [h["idempotency-key"] for h in live] == [execution.idempotency_key]


def test_a_target_that_moved_voids_the_approval_and_asks_again(world: World) -> None:
    execution = world.approved()
    world.server.things["payments"].version += 1
    execution = world.run(execution)
    assert execution.state == ExecutionState.STALE
    assert execution.plan.state == Plan.State.DISCARDED
    assert world.server.effects == []
    anew = Plan.objects.get(incident=world.incident, state=Plan.State.PROPOSED)
    assert anew.plan_hash != execution.plan_hash
    assert world.incident.state == State.AWAITING_APPROVAL
    assert world.pending(anew).plan_hash == anew.plan_hash


def test_a_refusal_by_the_target_is_a_failure_without_effect(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.REFUSED
    execution = world.run(execution)
    assert execution.state == ExecutionState.FAILED
    assert "refused by the target" in execution.error
    assert world.incident.state == State.NO_SAFE_ACTION


def test_a_target_that_is_not_there_is_certainly_untouched(world: World) -> None:
    execution = world.approved()
    world.endpoint.url = "http://127.0.0.1:9/control/v1"
    world.endpoint.save()
    execution = world.run(execution)
    assert execution.state == ExecutionState.FAILED
    assert "cannot connect" in execution.error


@pytest.mark.parametrize("fault", [*LOST, *DONE])
def test_no_answer_means_unknown_and_is_never_sent_again(world: World, fault: Fault) -> None:
    execution = world.approved()
    world.server.fault = fault
    execution = world.run(execution)
    assert execution.state == ExecutionState.UNKNOWN
    assert world.incident.state == State.EXECUTING
    world.run(execution)
    live = [h for _, h in world.server.requests if "x-airra-dry-run" not in h]
    assert len(live) == 1


@pytest.mark.parametrize("fault", DONE)
def test_the_probe_finds_what_happened(world: World, fault: Fault) -> None:
    execution = world.approved()
    world.server.fault = fault
    execution = world.probe(world.run(execution))
    assert execution.state == ExecutionState.VERIFYING
    assert world.incident.state == State.VERIFYING
    assert len(world.server.effects) == 1


@pytest.mark.parametrize("fault", LOST)
def test_absent_is_absent_only_after_the_quarantine(world: World, fault: Fault) -> None:
    execution = world.approved()
    world.server.fault = fault
    execution = world.probe(world.run(execution))
    assert execution.state == ExecutionState.UNKNOWN
    world.hands.advance(seconds=CREDENTIAL_LIFE_S + 60)
    execution = world.probe(execution)
    assert execution.state == ExecutionState.FAILED
    assert world.server.effects == []
    assert world.incident.state == State.NO_SAFE_ACTION


def test_what_lands_while_the_probe_is_on_its_way_is_not_called_absent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked before the quarantine ended and answered after it: the answer is too old to believe."""
    execution = world.approved()
    world.server.fault = Fault.LOST_SILENT
    execution = world.run(execution)
    really = WebhookExecutor.probe

    def slow(
        self: WebhookExecutor, planned: PlannedAction, attempt: Attempt
    ) -> tuple[Probe, Mapping[str, Any]]:
        told = really(self, planned, attempt)
        world.hands.advance(seconds=CREDENTIAL_LIFE_S + 60)
        return told

    with monkeypatch.context() as patched:
        patched.setattr(WebhookExecutor, "probe", slow)
        assert world.probe(execution).state == ExecutionState.UNKNOWN
    assert world.probe(execution).state == ExecutionState.FAILED


def test_a_signature_that_outlived_the_quarantine_is_refused_by_the_target(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.LOST_SILENT
    world.run(execution)
    path, late = world.server.requests[-1]
    world.hands.advance(seconds=CREDENTIAL_LIFE_S + 30)
    status, _, _ = world.server.post(late, b"{}")
    assert (path, status) == ("/control/v1/actions", 401)


def test_silence_of_the_probe_ends_with_a_person(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.DONE_SILENT
    execution = world.run(execution)
    world.server.is_down_for_reading = True
    for _ in range(8):
        world.hands.advance(minutes=2)
        execution = world.probe(execution)
    assert execution.state == ExecutionState.UNKNOWN
    assert world.incident.state == State.NO_SAFE_ACTION
    said = [t for t in world.reasons() if "a person must look" in t]
    assert len(said) == 1
    with pytest.raises(Refused, match="how you know"):
        settle_unknown(execution=execution, was_applied=True, by=world.ana, reason=" ")
    settle_unknown(execution=execution, was_applied=True, by=world.ana, reason="saw the pods")
    assert world.fresh(execution).state == ExecutionState.VERIFYING


def test_a_person_cannot_declare_absent_what_may_still_land(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.LOST_SILENT
    execution = world.run(execution)
    with pytest.raises(Refused, match="may still land"):
        settle_unknown(execution=execution, was_applied=False, by=world.ana, reason="looked")


def test_an_action_in_progress_is_followed_to_its_end(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.IN_PROGRESS
    world.server.reads_until_done = 1
    assert world.run(execution).state == ExecutionState.VERIFYING


def test_an_action_the_target_gave_up_is_a_failure(world: World) -> None:
    execution = world.approved()
    world.server.fault = Fault.FAILED
    execution = world.run(execution)
    assert execution.state == ExecutionState.FAILED
    assert "would not start" in execution.error


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_leaves_unknown_and_one_effect(
    world: World, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is gone between the intent and the result; the probe tells which side."""
    execution = world.approved()
    really = WebhookExecutor.apply

    def dying(self: WebhookExecutor, planned: PlannedAction, attempt: Attempt) -> Effect:
        if when == "after":
            really(self, planned, attempt)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(WebhookExecutor, "apply", dying)
        with pytest.raises(Killed):
            executions.run(execution_id=str(execution.pk))
    execution = world.fresh(execution)
    assert execution.state == ExecutionState.INTENT
    world.run(execution)
    assert world.fresh(execution).state == ExecutionState.INTENT
    world.hands.advance(minutes=20)
    sweep()
    execution = world.fresh(execution)
    assert execution.state == ExecutionState.UNKNOWN
    execution = world.probe(execution)
    expected = ExecutionState.VERIFYING if when == "after" else ExecutionState.FAILED
    assert execution.state == expected
    assert len(world.server.effects) == (1 if when == "after" else 0)


def test_the_kill_switch_stops_what_was_approved(world: World) -> None:
    execution = world.approved()
    world.kill()
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert "kill switch" in execution.error
    assert world.server.effects == []
    start_again(switch=KillSwitch.objects.get(), by=world.ana, reason="was nothing")
    assert world.run(execution).state == ExecutionState.CANCELLED


def test_the_kill_switch_is_looked_at_again_after_the_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.approved()
    really = executions._claim

    def claim_then_kill(*told: Any) -> object:
        attempt = really(*told)
        world.kill()
        return attempt

    monkeypatch.setattr(executions, "_claim", claim_then_kill)
    assert world.run(execution).state == ExecutionState.CANCELLED
    assert world.server.effects == []


def test_a_freeze_window_stops_what_was_approved(world: World) -> None:
    execution = world.approved()
    world.freeze()
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert "a freeze window is open (release day)" in execution.error


def test_an_approval_that_has_run_out_is_not_carried_out(world: World) -> None:
    execution = world.approved()
    world.hands.advance(hours=3)
    assert world.run(execution).state == ExecutionState.EXPIRED
    assert world.server.effects == []


@pytest.mark.parametrize(
    "edit",
    [
        {"params": {"replicas": 9}},
        {"target_version": "7"},
        {"after": {"restarts": 99}},
        {"action_version": 2},
        {"prediction": {"threshold": 1e9}},
    ],
)
def test_an_edited_plan_is_not_the_approved_one(world: World, edit: dict[str, object]) -> None:
    execution = world.approved()
    if "prediction" in edit:
        edit = {"prediction": {**execution.plan.prediction, "threshold": 1e9}}
    Plan.objects.filter(pk=execution.plan_id).update(**edit)
    assert world.run(execution).state == ExecutionState.STALE
    assert world.server.effects == []


def test_a_changed_policy_voids_the_approval(world: World) -> None:
    execution = world.approved()
    world.policy(version=2)
    assert world.run(execution).state == ExecutionState.STALE
    assert world.server.effects == []


def test_an_incident_that_resolved_meanwhile_cancels_what_has_not_begun(world: World) -> None:
    execution = world.approved()
    world.incident.refresh_from_db()
    incidents.resolve(incident=world.incident, resolution="the alert cleared")
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert world.incident.state == State.RESOLVED
    assert world.server.effects == []


def test_a_missing_secret_cancels_before_anything_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.approved()
    monkeypatch.delenv("AIRRA_SECRET_SHOP")
    execution = world.run(execution)
    assert execution.state == ExecutionState.CANCELLED
    assert "AIRRA_SECRET_SHOP" in execution.error


def test_one_live_execution_holds_a_target(world: World) -> None:
    execution = world.run(world.approved())
    second = _another(world, execution)
    assert world.run(second).state == ExecutionState.APPROVED
    assert len(world.server.effects) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Execution.objects.filter(pk=second.pk).update(state=ExecutionState.INTENT)


def test_fences_of_a_target_only_grow(world: World) -> None:
    execution = world.run(world.approved())
    second = _another(world, execution)
    Execution.objects.filter(pk=execution.pk).update(state=ExecutionState.INCONCLUSIVE)
    Plan.objects.filter(pk=second.plan_id).update(state=Plan.State.APPROVED)
    second = world.run(second)
    assert second.fence > execution.fence


def _another(world: World, first: Execution) -> Execution:
    """A second approved execution on the same target, as another incident would bring it."""
    plan = first.plan
    approval = Approval.objects.create(
        plan=plan,
        plan_hash=plan.plan_hash,
        state=Approval.State.APPROVED,
        mode=Mode.LIVE,
        expires_at=clock.now().replace(hour=23),
        decided_by=world.ben,
        decided_at=clock.now(),
    )
    return Execution.objects.create(
        plan=plan,
        approval=approval,
        target=first.target,
        mode=Mode.LIVE,
        plan_hash=plan.plan_hash,
        target_key=first.target_key,
        idempotency_key="another",
        created_at=clock.now(),
    )
