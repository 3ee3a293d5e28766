"""People decide on a plan's hash: approve, reject; or nobody answers and it expires."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands.assessment import freeze_of, policy_of, target_key
from remediation.commands.plan import retire
from remediation.commands.proposal import hash_of
from remediation.commands.refusal import Refused
from remediation.commands.request import wish
from remediation.models import Approval, Execution, Plan, PlanRequest
from remediation.types import ExecutionState, Mode, RiskBand

Kind = TimelineEvent.Kind
_NEEDS_REASON = (RiskBand.HIGH, RiskBand.EXTREME)


def key_of(approval: Approval, kind: str) -> str:
    """The idempotency key: one approval has one attempt of each kind, ever."""
    return str(uuid5(NAMESPACE_URL, f"airra:{approval.pk}:{approval.plan_hash}:{kind}:1"))


def approve(*, approval: Approval, by: User, reason: str = "") -> Execution | None:
    """Let the plan run live: the execution waits for its worker.

    None when a second person is still needed. Raises `NotPermitted`, `Refused`, or `Conflict` when
    somebody was first.
    """
    plan = approval.plan
    require(by, Permission.APPROVE, plan.incident.workspace)
    check(approval, by)
    if plan.risk_band in _NEEDS_REASON and not reason.strip():
        raise Refused("reason", f"{plan.risk_band} risk: say why you approve it")
    if approval.needed == 2 and approval.first_approver_id is None:
        _approve_first(approval, by=by, reason=reason)
        return None
    return _go_live(approval, by=by, reason=reason)


def try_out(*, approval: Approval, by: User, reason: str = "") -> PlanRequest:
    """Ask for a fresh dry run. Raises like `approve`.

    The executor process makes it. An answer equal to the first leaves a new pending approval of the
    same hash for going live; another one replaces the plan.
    """
    require(by, Permission.APPROVE, approval.plan.incident.workspace)
    check(approval, by)
    return wish(
        incident=approval.plan.incident,
        kind=PlanRequest.Kind.DRY_RUN,
        by=by,
        approval=approval,
        reason=reason,
    )


@transaction.atomic
def reject(*, approval: Approval, by: User, reason: str) -> Approval:
    """Decide against the plan, with a reason; the incident is left to people."""
    require(by, Permission.APPROVE, approval.plan.incident.workspace)
    if not reason.strip():
        raise Refused("reason", "say why you reject it")
    _decide(approval, Approval.State.REJECTED, by=by, reason=reason)
    retire(approval.plan, text=f"rejected “{approval.plan.title}”", by=by, reason=reason)
    return approval


def expire(now: datetime) -> int:
    """End what nobody decided in time; each plan in its own transaction. Returns how many."""
    overdue = Approval.objects.filter(state=Approval.State.PENDING, expires_at__lte=now)
    ended = 0
    for approval in overdue.select_related("plan__incident"):
        try:
            with transaction.atomic():
                compare_and_set(
                    approval, "state", expect=Approval.State.PENDING, to=Approval.State.EXPIRED
                )
                retire(approval.plan, text=f"nobody decided on “{approval.plan.title}” in time")
        except Conflict:
            continue
        metrics.APPROVALS.labels(decision="expired").inc()
        ended += 1
    return ended


def check(approval: Approval, by: User) -> None:
    """Every rule that can be known before anything is written."""
    if by.pk in {approval.plan.requested_by_id, approval.requested_by_id}:
        raise Refused("separation", "who asked for an action cannot approve it")
    if approval.first_approver_id == by.pk:
        raise Refused("separation", "the second approval must come from somebody else")
    if approval.state != Approval.State.PENDING:
        raise Refused("state", f"this approval is already {approval.state}")
    if approval.expires_at <= clock.now():
        raise Refused("expired", "this approval has expired: re-plan and look again")
    _check_plan(approval)


def _check_plan(approval: Approval) -> None:
    """What was to be approved still stands, and policy lets it run."""
    plan = approval.plan
    policy = policy_of(plan.incident.workspace)
    if not approval.plan_hash == plan.plan_hash == hash_of(plan):
        raise Refused("hash", "the plan is no longer the one this approval is for: re-plan")
    if policy.version != plan.policy_version:
        raise Refused("policy_version", "the policy has changed since the dry run: re-plan")
    if policy.is_killed:
        raise Refused("kill_switch", "the kill switch is on")
    frozen = freeze_of(policy, clock.now())
    if frozen:
        raise Refused("freeze", f"a freeze window is open: {frozen}")


def _decide(
    approval: Approval, to: Approval.State, *, by: User, reason: str, mode: str = ""
) -> None:
    compare_and_set(
        approval,
        "state",
        expect=Approval.State.PENDING,
        to=to,
        decided_by=by,
        decided_at=clock.now(),
        reason="\n".join(filter(None, [approval.reason, reason])),
        mode=mode,
    )
    decision = f"{to} for {mode}" if mode else str(to)
    audit.record(
        f"approval.{to}",
        target=approval.plan,
        by=by,
        after={"hash": approval.plan_hash, "mode": mode},
        reason=reason,
    )
    metrics.APPROVALS.labels(decision=decision).inc()


@transaction.atomic
def _approve_first(approval: Approval, *, by: User, reason: str) -> None:
    """The first of two; the row stays pending, and the two can never be the same person."""
    plan = approval.plan
    changed = Approval.objects.filter(
        pk=approval.pk, state=Approval.State.PENDING, first_approver__isnull=True
    ).update(first_approver=by, reason=reason)
    if changed != 1:
        raise Conflict(approval, "state", Approval.State.PENDING)
    approval.first_approver, approval.reason = by, reason
    timeline.record(
        plan.incident, Kind.APPROVAL, f"approved “{plan.title}”, the first of two", by=by
    )
    said = {"hash": plan.plan_hash}
    audit.record("approval.first", target=plan, by=by, after=said, reason=reason)


@transaction.atomic
def _go_live(approval: Approval, *, by: User, reason: str) -> Execution:
    plan = approval.plan
    _decide(approval, Approval.State.APPROVED, by=by, reason=reason, mode=Mode.LIVE)
    compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.APPROVED)
    execution = Execution.objects.create(
        plan=plan,
        approval=approval,
        mode=Mode.LIVE,
        plan_hash=approval.plan_hash,
        target_key=target_key(plan.endpoint_id, plan.target_id),
        idempotency_key=key_of(approval, Execution.Kind.APPLY),
        started_by=by,
        created_at=clock.now(),
    )
    incidents.move(
        incident=Incident.objects.get(pk=plan.incident_id),
        to=State.EXECUTING,
        text=f"approved “{plan.title}” to run live",
        kind=Kind.APPROVAL,
        by=by,
        payload={"plan": str(plan.pk), "execution": str(execution.pk)},
        reason=reason,
    )
    enqueue(Job.EXECUTE, execution_id=str(execution.pk))
    return execution


def decide_dry_run(approval: Approval, *, by: User, reason: str) -> None:
    """The dry run has been made: this approval is spent. Call inside a transaction."""
    _decide(approval, Approval.State.APPROVED, by=by, reason=reason, mode=Mode.DRY_RUN)


def record_dry_run(
    approval: Approval, *, planned: dict[str, Any] | None, is_same: bool, error: str, by: User
) -> Execution:
    """What the target said, `planned` None where it said nothing. Call inside a transaction."""
    plan = approval.plan
    state = ExecutionState.SUCCEEDED if is_same else ExecutionState.STALE
    told = "the target says the same as before"
    if planned is None:
        state, told = ExecutionState.FAILED, f"it failed: {error}"
    elif not is_same:
        told = "the target has changed, so the plan is made anew"
    execution = Execution.objects.create(
        plan=plan,
        approval=approval,
        mode=Mode.DRY_RUN,
        state=state,
        plan_hash=approval.plan_hash,
        target_key=target_key(plan.endpoint_id, plan.target_id),
        idempotency_key=key_of(approval, Mode.DRY_RUN),
        started_by=by,
        created_at=clock.now(),
        finished_at=clock.now(),
        result={"planned": planned, "is_same": is_same} if planned else {},
        error=error,
    )
    timeline.record(
        plan.incident,
        Kind.EXECUTION,
        f"dry run of “{plan.title}”: {told}",
        by=by,
        payload={"execution": str(execution.pk)},
    )
    return execution
