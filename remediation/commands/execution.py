"""Carrying out what was approved: at most once, whatever dies in between.

The database decides and a job only wakes: each function may be called any number of times, by any
number of workers, late or twice. The effect happens between two transactions and never in one.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, timeline
from incidents.lifecycle import State
from incidents.models import TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands import plan as plans
from remediation.commands.assessment import freeze_of, policy_of
from remediation.commands.consequence import advance, follow, version_left_by
from remediation.commands.endpoint import executor_of
from remediation.commands.proposal import hash_of, planned_of
from remediation.commands.refusal import Refused
from remediation.decision.catalog import spec_of
from remediation.execution.base import (
    CREDENTIAL_LIFE_S,
    Attempt,
    Effect,
    ExecutorError,
)
from remediation.execution.protocol import Event, Facts, next_state
from remediation.models import Execution, Plan
from remediation.types import Applied, ExecutionState, Mode, PlannedAction, Probe

_S = ExecutionState
_CLOCK_SKEW_S = 30.0
_UNDO_WITHIN = timedelta(minutes=60)
_PROBE_FIRST_S, _PROBE_LAST_S = 5.0, 60.0
_PROBE_ABSENT_S = 20.0  # it may still land
_PROBES_BEFORE_A_PERSON = 6


def run(*, execution_id: str) -> None:
    """Claim, act once, record. Nothing happens when somebody else has claimed it already."""
    execution = load(execution_id)
    if execution is None or execution.state != _S.APPROVED or execution.mode != Mode.LIVE:
        return
    try:
        executor = executor_of(execution.plan.endpoint)
        planned = _to_apply(execution)
    except (ExecutorError, ValueError) as error:
        move(execution, Event.CANCEL, error=str(error))
        return
    attempt = _claim(execution)
    if attempt is not None:
        reason = _why_not_send(execution)
        if reason:
            move(execution, Event.STOP, error=reason)
        else:
            _record(execution, executor.apply(planned, attempt))
    if execution.state == _S.STALE and execution.kind == Execution.Kind.APPLY:
        _plan_anew(execution.plan)


def wake(*, plan: Plan, by: User) -> Execution:
    """Wake the live execution of an approved plan: it runs once, however often it is woken."""
    require(by, Permission.RESPOND, plan.incident.workspace)
    execution = plan.executions.filter(mode=Mode.LIVE, kind=Execution.Kind.APPLY).first()
    if execution is None:
        raise Refused("approval", "this action is not approved to run live: approve it first")
    if execution.state == _S.APPROVED:
        enqueue(Job.EXECUTE, execution_id=str(execution.pk))
    return execution


def probe(*, execution_id: str) -> None:
    """Ask the target, read only, whether an attempt nobody knows about has happened."""
    execution = load(execution_id)
    now = clock.now()  # before the question: an answer tells of no later moment
    if execution is None or execution.state != _S.UNKNOWN:
        return
    if execution.next_check_at and execution.next_check_at > now:
        return
    try:
        executor = executor_of(execution.plan.endpoint)
        told, answer = executor.probe(_to_apply(execution), _attempt_of(execution))
    except (ExecutorError, ValueError):
        told, answer = Probe.CANNOT_TELL, {}
    event = {
        Probe.APPLIED: Event.PROBE_APPLIED,
        Probe.ABSENT: Event.PROBE_ABSENT,
        Probe.CANNOT_TELL: Event.PROBE_SILENT,
    }[told]
    error = "the target says that it never happened" if told is Probe.ABSENT else ""
    if not move(execution, event, at=now, error=error, answer=dict(answer)):
        _ask_again(execution, told)


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
            "plan__incident__workspace", "plan__endpoint", "approval", "undo_of", "started_by"
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
            _facts(execution, at or clock.now()), fence_matches=execution.fence == fence
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


@transaction.atomic(durable=True)
def _claim(execution: Execution) -> Attempt | None:
    """Approved to intent in one UPDATE, which also demands the hash and an open kill switch.

    Durable: the intent is committed before anything is sent. A target that is held by another
    execution, by the database's word, leaves the row approved for the sweep.
    """
    now = clock.now()
    execution.refresh_from_db()
    facts = _facts(execution, now)
    to = next_state(ExecutionState(execution.state), Event.CLAIM, facts)
    if to is None:
        return None
    if to is not _S.INTENT:
        _refuse(execution, to, facts)
        return None
    lease_until = now + timedelta(seconds=spec_of(execution.plan.action).lease_s)
    held = Execution.objects.filter(target_key=execution.target_key)
    intent = {
        "fence": (held.aggregate(top=Max("fence"))["top"] or 0) + 1,
        "intent_at": now,
        "lease_until": lease_until,
        "quarantine_until": now + timedelta(seconds=CREDENTIAL_LIFE_S + _CLOCK_SKEW_S),
    }
    try:
        with transaction.atomic():
            claimed = Execution.objects.filter(
                pk=execution.pk,
                state=_S.APPROVED,
                mode=Mode.LIVE,
                plan__plan_hash=execution.plan_hash,
                approval__plan_hash=execution.plan_hash,
                plan__incident__workspace__policy__is_killed=False,
            ).update(state=_S.INTENT, **intent)
    except IntegrityError:
        return None
    if claimed != 1:
        return None
    for name, value in {"state": _S.INTENT, **intent}.items():
        setattr(execution, name, value)
    follow(execution)
    return _attempt_of(execution)


def _attempt_of(execution: Execution) -> Attempt:
    """The attempt its intent has fixed. Raises ValueError when there is no intent yet."""
    if execution.intent_at is None or execution.lease_until is None:
        msg = f"{execution} has no intent"
        raise ValueError(msg)
    return Attempt(
        key=execution.idempotency_key,
        fence=execution.fence,
        issued_at=execution.intent_at.timestamp(),
        deadline=execution.lease_until.timestamp(),
    )


def _refuse(execution: Execution, to: ExecutionState, facts: Facts) -> None:
    """A claim that ends the execution, with the rule that said so."""
    rules = (
        (not facts.is_wanted, "nobody waits for it any more"),
        (facts.is_stopped, "the kill switch or a freeze window is on"),
        (facts.is_expired, "its approval has run out"),
        (True, "the plan or the policy has changed since it was approved"),
    )
    reason = next(text for holds, text in rules if holds)
    changed = Execution.objects.filter(pk=execution.pk, state=execution.state).update(
        state=to, error=reason, finished_at=clock.now()
    )
    if changed == 1:
        execution.state, execution.error = to, reason
        follow(execution)


def _facts(execution: Execution, now: datetime) -> Facts:
    """The facts of this moment, read inside the caller's transaction."""
    plan = Plan.objects.select_related("incident__workspace").get(pk=execution.plan_id)
    policy = policy_of(plan.incident.workspace)
    is_undo = execution.kind == Execution.Kind.UNDO
    same_plan = execution.plan_hash == execution.approval.plan_hash == hash_of(plan)
    return Facts(
        # An undo belongs to what was approved under the policy of its time.
        hash_matches=same_plan and (is_undo or policy.version == plan.policy_version),
        is_expired=_is_expired(execution, now),
        is_stopped=policy.is_killed or bool(freeze_of(policy, now)),
        is_wanted=_is_wanted(execution, plan),
        lease_is_over=execution.lease_until is not None and execution.lease_until <= now,
        quarantine_is_over=(
            execution.quarantine_until is not None and execution.quarantine_until <= now
        ),
        is_undo=is_undo,
    )


def _is_wanted(execution: Execution, plan: Plan) -> bool:
    if execution.undo_of_id is not None:
        return Execution.objects.filter(pk=execution.undo_of_id, state=_S.DEVIATED).exists()
    return plan.incident.is_live and plan.state == Plan.State.APPROVED


def _is_expired(execution: Execution, now: datetime) -> bool:
    if execution.undo_of is not None:
        effect_at = execution.undo_of.effect_at
        return effect_at is None or now > effect_at + _UNDO_WITHIN
    return now > execution.approval.expires_at


def _to_apply(execution: Execution) -> PlannedAction:
    """What to send. Raises ValueError when an undo has nothing to go by."""
    planned = planned_of(execution.plan)
    original = execution.undo_of
    if original is None:
        return planned
    if planned.undo is None:
        msg = "the plan has no undo"
        raise ValueError(msg)
    return replace(planned, request=planned.undo, target_version=version_left_by(original))


def _why_not_send(execution: Execution) -> str:
    """The last look before the effect; the executor itself looks at the lease."""
    policy = policy_of(execution.plan.incident.workspace)
    policy.refresh_from_db()
    if policy.is_killed or freeze_of(policy, clock.now()):
        return "the kill switch or a freeze window came on before anything was sent"
    return ""


def _record(execution: Execution, effect: Effect) -> None:
    events = {Applied.APPLIED: Event.APPLIED, Applied.UNKNOWN: Event.NO_ANSWER}
    event = events.get(effect.applied, Event.MOVED if effect.moved else Event.REFUSED)
    move(execution, event, error=effect.error, answer=dict(effect.answer))


def _plan_anew(plan: Plan) -> None:
    """The approval is void: a fresh dry run asks again, where the action is still possible."""
    plan.refresh_from_db()
    try:
        plans.revise(plan=plan, by=None)
    except Refused as refused:
        timeline.record(plan.incident, TimelineEvent.Kind.PLAN, f"cannot plan it anew: {refused}")


def _ask_again(execution: Execution, told: Probe) -> None:
    """When to ask next; after enough silence a person has to look."""
    now = clock.now()
    if told is Probe.ABSENT:
        again = now + timedelta(seconds=_PROBE_ABSENT_S)
        Execution.objects.filter(pk=execution.pk, state=_S.UNKNOWN).update(
            next_check_at=min(again, execution.quarantine_until or again)
        )
        return
    tries = int(execution.result.get("probes", 0)) + 1
    delay = min(_PROBE_FIRST_S * 2**tries, _PROBE_LAST_S)
    with transaction.atomic():
        changed = Execution.objects.filter(
            pk=execution.pk, state=_S.UNKNOWN, next_check_at=execution.next_check_at
        ).update(
            next_check_at=now + timedelta(seconds=delay),
            result={**execution.result, "probes": tries},
        )
        if changed == 1 and tries == _PROBES_BEFORE_A_PERSON:
            advance(
                execution,
                State.NO_SAFE_ACTION,
                f"cannot learn whether “{execution.plan.title}” happened: a person must look",
                TimelineEvent.Kind.PROBLEM,
            )
