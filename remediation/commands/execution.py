"""The life of an execution, as far as it needs no target: woken, moved, cancelled, settled by hand.

What asks the target or changes it is in `acting.execution`.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands.assessment import policy_of
from remediation.commands.consequence import follow
from remediation.commands.proposal import hash_of
from remediation.commands.refusal import Refused
from remediation.execution.protocol import Event, Facts, next_state
from remediation.models import Approval, Execution, Plan
from remediation.queries import stops
from remediation.types import ExecutionState, Mode

_S = ExecutionState
_DONE = (_S.DEVIATED, _S.SUCCEEDED, _S.INCONCLUSIVE)
_UNDO_WITHIN = timedelta(minutes=60)


def wake(*, plan: Plan, by: User) -> Execution:
    """Wake the live execution of an approved plan: it runs once, however often it is woken."""
    require(by, Permission.RESPOND, plan.incident.workspace)
    execution = plan.executions.filter(mode=Mode.LIVE, kind=Execution.Kind.APPLY).first()
    if execution is None:
        raise Refused("approval", "this action is not approved to run live: approve it first")
    if execution.state == _S.APPROVED:
        enqueue(Job.EXECUTE, execution_id=str(execution.pk))
    return execution


def settle_unknown(*, execution: Execution, was_applied: bool, by: User, reason: str) -> Execution:
    """A person has looked where AIRRA cannot. Raises `Refused` while it may still land."""
    require(by, Permission.APPROVE, execution.plan.incident.workspace)
    if not reason.strip():
        raise Refused("reason", "say how you know")
    event = Event.PROBE_APPLIED if was_applied else Event.PROBE_ABSENT
    with transaction.atomic():
        if not move(execution, event, error=f"{by.get_username()}: {reason}"):
            raise Refused("state", f"the execution is {execution.state}, or may still land: wait")
        audit.record("execution.settled_by_hand", target=execution.plan, by=by, reason=reason)
    return execution


def cancel(execution: Execution, *, reason: str) -> bool:
    """Cancel what has not begun. False when it has."""
    return move(execution, Event.CANCEL, error=reason)


def load(execution_id: str) -> Execution | None:
    return (
        Execution.objects.select_related(
            "plan__incident__workspace",
            "target__step__endpoint",
            "approval",
            "undo_of",
            "started_by",
        )
        .filter(pk=execution_id)
        .first()
    )


def move(execution: Execution, event: Event, *, at: datetime | None = None, **told: Any) -> bool:
    """One protocol step: read, ask the protocol, compare and set, and follow; all or nothing.

    `at` is the moment the event tells of, now unless given; `told` may carry `error`, `answer` and
    fields of the row. False when the protocol knows no such step from the state the row is in, or
    when somebody else was faster.
    """
    fence = execution.fence
    with transaction.atomic():
        execution.refresh_from_db()
        facts = replace(
            facts_of(execution, at or clock.now()), fence_matches=execution.fence == fence
        )
        before = ExecutionState(execution.state)
        to = next_state(before, event, facts)
        if to is None:
            return False
        fields = _fields(execution, to, told)
        changed = Execution.objects.filter(
            pk=execution.pk, state=before, fence=execution.fence
        ).update(state=to, **fields)
        if changed != 1:
            return False
        for name, value in {"state": to, **fields}.items():
            setattr(execution, name, value)
        follow(execution)
    return True


def _fields(execution: Execution, to: ExecutionState, told: dict[str, Any]) -> dict[str, Any]:
    """What is stored with a state: its times, and what the target or the claimant said."""
    now = clock.now()
    fields = {name: value for name, value in told.items() if name != "answer"}
    if told.get("answer"):
        fields["result"] = {**execution.result, "answer": told["answer"]}
    if to is _S.VERIFYING:
        return {**fields, "effect_at": now, "next_check_at": now}
    if to is _S.UNKNOWN:
        return {**fields, "next_check_at": now}
    if to is _S.SUCCEEDED and execution.effect_at is None:
        fields["effect_at"] = now
    return {**fields, "finished_at": now, "next_check_at": None}


def facts_of(execution: Execution, now: datetime) -> Facts:
    """The facts of this moment, read inside the caller's transaction."""
    plan = Plan.objects.select_related("incident__workspace", "endpoint").get(pk=execution.plan_id)
    policy = policy_of(plan.incident.workspace)
    is_undo = execution.kind == Execution.Kind.UNDO
    same_plan = execution.plan_hash == execution.approval.plan_hash == hash_of(plan)
    return Facts(
        # An undo belongs to what was approved under the policy of its time.
        hash_matches=same_plan and (is_undo or policy.version == plan.policy_version),
        is_expired=_is_expired(execution, now),
        is_stopped=bool(stops.stopped(execution)),
        is_wanted=_is_wanted(execution, plan),
        lease_is_over=execution.lease_until is not None and execution.lease_until <= now,
        quarantine_is_over=(
            execution.quarantine_until is not None and execution.quarantine_until <= now
        ),
        is_undo=is_undo,
    )


def _is_wanted(execution: Execution, plan: Plan) -> bool:
    """An effect while nothing has done harm; an undo of what was done, once something has."""
    live = plan.executions.filter(mode=Mode.LIVE, kind=Execution.Kind.APPLY)
    has_harmed = live.filter(state__in=(_S.DEVIATED, _S.UNDONE)).exists()
    if execution.undo_of_id is not None:
        return has_harmed and live.filter(pk=execution.undo_of_id, state__in=_DONE).exists()
    is_open = plan.incident.is_live and plan.state == Plan.State.APPROVED
    return is_open and not has_harmed and _is_approved(execution)


def _is_approved(execution: Execution) -> bool:
    """Whether people have said yes to going live, whatever the row of the execution says."""
    said_yes = Approval.objects.filter(state=Approval.State.APPROVED, mode=Mode.LIVE)
    return said_yes.filter(pk=execution.approval_id).exists()


def _is_expired(execution: Execution, now: datetime) -> bool:
    if execution.undo_of is not None:
        effect_at = execution.undo_of.effect_at
        return effect_at is None or now > effect_at + _UNDO_WITHIN
    return now > execution.approval.expires_at
