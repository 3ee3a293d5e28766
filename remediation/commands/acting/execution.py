"""Carrying out what was approved: at most once, whatever dies in between.

The database decides and a job only wakes: each function may be called any number of times, by any
number of workers, late or twice. The effect happens between two transactions and never in one.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Exists, F, Max, QuerySet

from airra.lib import clock
from airra.lib.db import bound_waits
from incidents.commands import audit
from incidents.lifecycle import State
from incidents.models import TimelineEvent
from remediation.commands.acting.endpoint import executor_of
from remediation.commands.consequence import advance, follow
from remediation.commands.execution import facts_of, load, move
from remediation.commands.limits import Held, held_back, limits_hold, take_turn
from remediation.commands.proposal import hash_of
from remediation.commands.steps import planned_of, targets_of, version_left_by
from remediation.decision.catalog import spec_of
from remediation.execution.base import Attempt, Effect, ExecutorError
from remediation.execution.protocol import Event, Facts, next_state
from remediation.models import Approval, Execution, Plan, StepTarget
from remediation.queries import stops
from remediation.types import Applied, ExecutionState, Mode, PlannedAction, Probe

_S = ExecutionState
_CLOCK_SKEW_S = 30.0
_PROBE_FIRST_S, _PROBE_LAST_S = 5.0, 60.0
_PROBE_ABSENT_S = 20.0  # it may still land
_PROBES_BEFORE_A_PERSON = 6


def run(*, execution_id: str) -> None:
    """Claim, act once, record. Nothing happens when somebody else has claimed it already."""
    execution = load(execution_id)
    if execution is None or execution.state != _S.APPROVED or execution.mode != Mode.LIVE:
        return
    try:
        executor = executor_of(_target_of(execution).step.endpoint)
        targets = targets_of(execution.plan)  # read once: what is hashed is what is sent
        planned, read = _to_apply(execution, targets), hash_of(execution.plan, targets)
    except (ExecutorError, ValueError) as error:
        move(execution, Event.CANCEL, error=str(error))
        return
    attempt = _claim_or_say_why(execution, read, executor.guarantees.credential_life_s)
    if attempt is not None:
        reason = _why_not_send(execution)
        if reason:
            move(execution, Event.STOP, error=reason)
        else:
            _record(execution, executor.apply(planned, attempt))


def probe(*, execution_id: str) -> None:
    """Ask the target, read only, whether an attempt nobody knows about has happened."""
    execution = load(execution_id)
    now = clock.now()  # before the question: an answer tells of no later moment
    if execution is None or execution.state != _S.UNKNOWN:
        return
    if execution.next_check_at and execution.next_check_at > now:
        return
    try:
        executor = executor_of(_target_of(execution).step.endpoint)
        planned = _to_apply(execution, targets_of(execution.plan))
        told, answer = executor.probe(planned, _attempt_of(execution))
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


def _claim_or_say_why(execution: Execution, read: str, credential_life_s: float) -> Attempt | None:
    """A claim that cannot be written into the audit record is none; its page tells people so."""
    try:
        return _claim(execution, read, credential_life_s)
    except DatabaseError as error:
        if audit.is_unwritable(error):
            row = Execution.objects.filter(pk=execution.pk, state=_S.APPROVED)
            audit.note_unwritable(error, note=lambda why: row.update(error=why))
        raise


@transaction.atomic(durable=True)
def _claim(execution: Execution, read: str, credential_life_s: float) -> Attempt | None:
    """Approved to intent in one UPDATE, which also demands hash, policy and an open kill switch.

    `read` is the hash of the plan as it will be sent: it may have been edited, read, and edited
    back, and then the row alone would not tell.

    Durable: the intent is committed before anything is sent. A target that is held by another
    execution, by the database's word, leaves the row approved for the sweep. So does a wait that
    takes too long: who hangs in here loses the transaction, and the turn with it. What was sent
    with a credential of `credential_life_s` may land so long: until then absent is not absent.
    """
    bound_waits(lock_s=10, statement_s=15, idle_s=20)
    take_turn()
    now = clock.now()  # after the wait: a lease begins, and an approval runs out, while it lasts
    execution.refresh_from_db()
    held = limits_hold(execution)
    facts = held_back(facts_of(execution, now), held)
    facts = replace(facts, hash_matches=facts.hash_matches and read == execution.plan_hash)
    to = next_state(ExecutionState(execution.state), Event.CLAIM, facts)
    if to is None:
        return None
    if to is not _S.INTENT:
        _refuse(execution, to, facts, held)
        return None
    lease_until = now + timedelta(seconds=spec_of(_target_of(execution).step.action).lease_s)
    earlier = Execution.objects.filter(target_key=execution.target_key)
    intent = {
        "error": "",  # of an earlier try that could not be recorded
        "fence": (earlier.aggregate(top=Max("fence"))["top"] or 0) + 1,
        "intent_at": now,
        "lease_until": lease_until,
        "quarantine_until": now + timedelta(seconds=credential_life_s + _CLOCK_SKEW_S),
    }
    try:
        with transaction.atomic():
            claimed = _claimable(execution).update(state=_S.INTENT, **intent)
    except IntegrityError:
        return None
    if claimed != 1:
        return None
    for name, value in {"state": _S.INTENT, **intent}.items():
        setattr(execution, name, value)
    follow(execution)
    return _attempt_of(execution)


def _claimable(execution: Execution) -> QuerySet[Execution]:
    """The row, as long as it may be claimed.

    Its own columns are compared in the UPDATE itself. Conditions across relations would make
    Django select the row in a subquery, which PostgreSQL does not ask again after it has waited
    for another claim of the same row: both would win.
    """
    plans = Plan.objects.filter(plan_hash=execution.plan_hash)
    if execution.kind == Execution.Kind.APPLY:
        plans = plans.filter(incident__workspace__policy__version=F("policy_version"))
    return Execution.objects.filter(
        ~Exists(stops.switches_on(stops.places_for(execution))),
        pk=execution.pk,
        state=_S.APPROVED,
        mode=Mode.LIVE,
        plan__in=plans,
        approval__in=Approval.objects.filter(plan_hash=execution.plan_hash),
    )


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


def _refuse(execution: Execution, to: ExecutionState, facts: Facts, held: Held | None) -> None:
    """A claim that ends the execution, with the rule that said so."""
    stopped = stops.stopped(execution) or (held.reason if held else "")
    rules = (
        (not facts.is_wanted, "nobody waits for it any more"),
        (facts.is_stopped, stopped),
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


def _target_of(execution: Execution) -> StepTarget:
    """Raises ValueError for a row that names none: it is not acted on."""
    if execution.target is None:
        msg = "it names no target"
        raise ValueError(msg)
    return execution.target


def _to_apply(execution: Execution, targets: Sequence[StepTarget]) -> PlannedAction:
    """What to send, from the rows given. Raises ValueError when an undo has nothing to go by.

    What this plan itself did to the target last has moved its version: that one is expected then.
    """
    own = _target_of(execution).pk
    planned = planned_of(next(target for target in targets if target.pk == own))
    version = _version_by_plan(execution) or planned.target_version
    if execution.undo_of is None:
        return replace(planned, target_version=version)
    if planned.undo is None:
        msg = "the plan has no undo"
        raise ValueError(msg)
    return replace(planned, request=planned.undo, target_version=version)


def _version_by_plan(execution: Execution) -> str:
    """The version that the newest effect of this plan left on the same target; else empty."""
    done = Execution.objects.filter(
        plan=execution.plan_id,
        target_key=execution.target_key,
        mode=Mode.LIVE,
        effect_at__isnull=False,
    ).exclude(pk=execution.pk)
    if execution.effect_at is not None:
        done = done.filter(effect_at__lt=execution.effect_at)
    newest = done.order_by("-effect_at").first()
    return version_left_by(newest) if newest else ""


def _why_not_send(execution: Execution) -> str:
    """The last look before the effect; the executor itself looks at the lease."""
    stopped = stops.stopped(execution)
    return f"before anything was sent: {stopped}" if stopped else ""


def _record(execution: Execution, effect: Effect) -> None:
    events = {Applied.APPLIED: Event.APPLIED, Applied.UNKNOWN: Event.NO_ANSWER}
    event = events.get(effect.applied, Event.MOVED if effect.moved else Event.REFUSED)
    move(execution, event, error=effect.error, answer=dict(effect.answer))


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
