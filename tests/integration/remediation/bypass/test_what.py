"""Another plan than the one that was approved; an answer used again, too late, or twice."""

from collections.abc import Callable
from typing import Any

import pytest

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import incident as incidents
from incidents.models import AuditEvent, Incident
from remediation.commands import approval as approvals
from remediation.commands.acting import execution as acting
from remediation.commands.refusal import Refused
from remediation.models import Approval, Execution, Plan, Policy, StepTarget
from remediation.types import ExecutionState
from tests.integration.remediation.bypass.conftest import LIVE, SURE, Gate, insert


def _other(value: Any) -> Any:
    """The same kind of value with one thing changed."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, list):
        return [*value, "and something else"]
    return {**(value or {}), "extra": 1}


HASHED = (
    "action", "action_version", "service_name", "params", "target_id", "target_version", "before",
    "after", "effects", "reversibility", "undo", "fidelity", "policy_version", "plan_hash",
)  # fmt: skip
FORETOLD = (
    "query", "connector_id", "service", "service_label", "signal", "direction", "threshold",
    "level_before", "within_s", "hold_points",
)  # fmt: skip


STEP = ("action", "action_version", "service_name", "params", "prediction")
TARGET = (
    "target", "target_id", "target_version", "before", "after", "effects", "reversibility",
    "undo", "fidelity", "owner",
)  # fmt: skip
BOUND = [*HASHED, *FORETOLD, *(f"step {n}" for n in STEP), *(f"target {n}" for n in TARGET)]


def edit(plan: Plan, name: str) -> None:
    """Change one thing the hash binds, behind everybody's back."""
    row, _, field = name.partition(" ")
    if field:
        rows: Any = plan.steps if row == "step" else StepTarget.objects.filter(step__plan=plan)
        other = _other(getattr(rows.get(), field))
        special = {
            "undo": {"action": "scale", "service": "payments", "params": {"replicas": 1}},
            "reversibility": "compensable",
            "prediction": {**plan.prediction, "threshold": 9.0},
        }
        rows.update(**{field: special.get(field, other)})
        return
    if name in FORETOLD:
        said = {**plan.prediction, name: _other(plan.prediction[name])}
        Plan.objects.filter(pk=plan.pk).update(prediction=said)
        return
    changed: Any = _other(getattr(plan, name))
    if name == "undo":
        changed = {"action": "scale", "service": "payments", "params": {"replicas": 1}}
    if name == "reversibility":
        changed = "exact_undo" if plan.reversibility != "exact_undo" else "compensable"
    Plan.objects.filter(pk=plan.pk).update(**{name: changed})


@pytest.mark.parametrize("name", BOUND)
def test_edited_before_the_approval(gate: Gate, name: str) -> None:
    edit(gate.plan, name)
    with pytest.raises(Refused) as refused:
        approvals.approve(approval=gate.approval, by=gate.world.ana, reason="go", stand=SURE)
    assert refused.value.rule in {"hash", "policy_version"}
    assert gate.approval.state == Approval.State.VOID
    assert AuditEvent.objects.filter(kind="approval.void").count() == 1
    assert not Execution.objects.exists()
    gate.holds()


@pytest.mark.parametrize("name", BOUND)
def test_edited_after_the_approval(gate: Gate, name: str) -> None:
    execution = gate.approved()
    edit(gate.plan, name)
    gate.holds()
    gate.world.hands.advance(hours=2)  # what may not be claimed waits until its approval is over
    gate.holds()
    execution.refresh_from_db()
    ends = {ExecutionState.STALE, ExecutionState.CANCELLED, ExecutionState.EXPIRED}
    assert execution.state in ends
    assert execution.error


@pytest.mark.parametrize("row", ["approval", "execution"])
def test_the_hash_of_another_row_is_edited(gate: Gate, row: str) -> None:
    execution = gate.approved()
    rows = Approval.objects if row == "approval" else Execution.objects
    rows.update(plan_hash="0" * 64)
    gate.holds()
    execution.refresh_from_db()
    assert execution.state == ExecutionState.STALE


def killed(gate: Gate) -> None:
    gate.world.kill()


def frozen(gate: Gate) -> None:
    gate.world.freeze()


def another_policy(gate: Gate) -> None:
    gate.world.policy(version=Policy.objects.get().version + 1)


def too_late(gate: Gate) -> None:
    gate.world.hands.advance(hours=2)


def ended(gate: Gate) -> None:
    incidents.resolve(incident=Incident.objects.get(pk=gate.world.incident.pk), resolution="gone")


def switched_off(gate: Gate) -> None:
    gate.world.endpoint.is_enabled = False
    gate.world.endpoint.save()


WORLD_CHANGES = (killed, frozen, another_policy, too_late)


@pytest.mark.parametrize("change", WORLD_CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("door", ["page", "link", "api"])
def test_the_world_changes_before_the_answer(
    gate: Gate, change: Callable[[Gate], None], door: str
) -> None:
    ana = gate.world.ana
    token, link, browser = gate.token(ana), gate.link(ana), gate.browser(ana)
    change(gate)
    if door == "api":
        answer = gate.call(token, **gate.said(ana))
    else:
        answer = browser.post(link if door == "link" else gate.page, LIVE)
    assert answer.status_code in {302, 401, 409, 410}
    assert not Execution.objects.exists()
    gate.holds()


@pytest.mark.parametrize(
    "change", [*WORLD_CHANGES, ended, switched_off], ids=lambda change: change.__name__
)
def test_the_world_changes_after_the_answer(gate: Gate, change: Callable[[Gate], None]) -> None:
    execution = gate.approved()
    change(gate)
    gate.holds()
    execution.refresh_from_db()
    assert execution.state not in {ExecutionState.VERIFYING, ExecutionState.SUCCEEDED}
    assert execution.error


@pytest.mark.parametrize("state", ["pending", "rejected", "returned", "expired", "void"])
def test_a_row_says_approved_and_nobody_has_approved(gate: Gate, state: str) -> None:
    """Somebody writes to the tables: plan and execution say approved, and nobody answered so."""
    asked = gate.approval
    Plan.objects.filter(pk=gate.plan.pk).update(state=Plan.State.APPROVED)
    Approval.objects.filter(pk=asked.pk).update(
        state=state, mode="live", decided_by=gate.world.ana, decided_at=clock.now()
    )
    assert insert(
        plan=gate.plan, approval=asked, mode="live", plan_hash=gate.plan.plan_hash,
        target_key=f"{gate.plan.endpoint_id}:{gate.plan.target_id}", idempotency_key="mine",
    )  # fmt: skip
    gate.holds()
    assert Execution.objects.get().state == ExecutionState.CANCELLED


def test_an_approved_dry_run_is_no_approval_to_go_live(gate: Gate) -> None:
    asked = gate.approval
    gate.world.tried(gate.plan)
    asked.refresh_from_db()
    assert (asked.state, asked.mode) == (Approval.State.APPROVED, "dry_run")
    Plan.objects.filter(pk=gate.plan.pk).update(state=Plan.State.APPROVED)
    insert(
        plan=gate.plan, approval=asked, mode="live", plan_hash=gate.plan.plan_hash,
        target_key="t", idempotency_key="mine",
    )  # fmt: skip
    gate.holds()


@pytest.mark.parametrize("door", ["page", "link", "api", "command", "execute"])
def test_an_answer_is_used_again(gate: Gate, door: str) -> None:
    """What was approved has run; nobody makes it run once more with the same answer."""
    ana = gate.world.ana
    token, link, page, used = gate.token(ana), gate.link(ana), gate.page, gate.approval
    gate.carried_out()
    browser = gate.browser(ana)
    if door == "api":
        assert gate.call(token, **gate.said(ana)).status_code in {403, 409}
    elif door == "execute":
        path = f"/api/v1/actions/{gate.plan.pk}/execute"
        assert {gate.call(token, path).status_code for _ in range(3)} == {202}
    elif door == "command":
        with pytest.raises((Refused, Conflict)):
            approvals.approve(approval=used, by=gate.world.ben, reason="go", stand=SURE)
        with pytest.raises(Refused, match="already approved"):
            approvals.approve(approval=gate.approval, by=gate.world.ben, reason="go", stand=SURE)
    else:
        assert browser.post(link if door == "link" else page, LIVE).status_code in {409, 410}
    gate.holds()


@pytest.mark.parametrize("state", ["approved", "intent", "unknown", "failed"])
def test_the_state_of_what_has_run_is_set_back(gate: Gate, state: str) -> None:
    """The target knows the key: the same attempt is answered, and not done again."""
    execution = gate.carried_out()
    Execution.objects.filter(pk=execution.pk).update(state=state)
    acting.run(execution_id=str(execution.pk))
    assert len(gate.world.server.effects) == 1


@pytest.mark.parametrize("kind", ["same key", "same target at once"])
def test_a_second_execution_of_one_answer(gate: Gate, kind: str) -> None:
    first = gate.carried_out()
    made = insert(
        plan=gate.plan, approval=first.approval, mode="live", plan_hash=first.plan_hash,
        target_key=first.target_key, state="approved",
        idempotency_key=first.idempotency_key if kind == "same key" else "another",
    )  # fmt: skip
    assert made is (kind != "same key")
    for execution in Execution.objects.filter(state=ExecutionState.APPROVED):
        acting.run(execution_id=str(execution.pk))
    assert len(gate.world.server.effects) == 1


@pytest.mark.parametrize("times", [2, 5])
def test_a_form_sent_more_than_once(gate: Gate, times: int) -> None:
    browser = gate.browser(gate.world.ana)
    codes = [browser.post(gate.page, LIVE).status_code for _ in range(times)]
    assert codes == [302] + [409] * (times - 1)
    assert Execution.objects.count() == 1


def test_the_suite_can_fail(gate: Gate) -> None:
    """The control: approved as it should be, the same processes do act, once."""
    gate.approved()
    gate.allowed = 1
    gate.holds()
