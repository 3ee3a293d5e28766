"""Finds what should have moved and wakes it: lost messages and dead workers end here."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from airra.lib import clock, metrics
from airra.lib.db import Conflict
from airra.lib.jobs import Job, enqueue
from analysis.models import Investigation
from incidents.lifecycle import LIVE_STATES, State
from remediation.commands import approval, consequence, plan, recurrence, request
from remediation.commands.execution import cancel, move
from remediation.execution.protocol import Event
from remediation.models import Execution, Plan, PlanRequest
from remediation.types import HOLDS_TARGET, ExecutionState, Mode

_GRACE = timedelta(seconds=5)  # the first message gets this long before it counts as lost


def sweep(now: datetime | None = None) -> None:
    """One pass. Everything in it is idempotent; two passes at once do no harm."""
    now = now or clock.now()
    approval.expire(now)
    approval.void_changed()
    request.give_up(now)
    _let_go()
    _declare_unknown(now)
    _go_on()
    _wake(now)
    recurrence.watch(now)
    metrics.HEARTBEAT.labels(app="remediation").set(now.timestamp())


def _let_go() -> None:
    """An incident that ended by itself needs neither its plan nor what has not begun."""
    ended = ~Q(plan__incident__state__in=LIVE_STATES)
    waiting = Execution.objects.filter(
        ended, mode=Mode.LIVE, state=ExecutionState.APPROVED, kind=Execution.Kind.APPLY
    )
    for execution in waiting:
        cancel(execution, reason="the incident ended before it began")
    for proposed in Plan.objects.filter(state=Plan.State.PROPOSED).exclude(
        incident__state__in=LIVE_STATES
    ):
        try:
            with transaction.atomic():
                plan.retire(proposed, text=f"no longer needs “{proposed.title}”")
        except Conflict:
            continue


def _declare_unknown(now: datetime) -> None:
    """A claimant whose lease is over may have acted or not: nobody knows, and nobody retries."""
    for execution in Execution.objects.filter(
        mode=Mode.LIVE, state=ExecutionState.INTENT, lease_until__lte=now
    ):
        move(execution, Event.LEASE_OVER, error="the worker went silent")


def _go_on() -> None:
    """Plans that stand still: two ends at once, and each left the next move to the other."""
    running = Execution.objects.filter(
        plan=OuterRef("pk"), mode=Mode.LIVE, state__in=(ExecutionState.APPROVED, *HOLDS_TARGET)
    )
    still = Plan.objects.filter(~Exists(running), state=Plan.State.APPROVED)
    for pk in still.values_list("pk", flat=True):
        with transaction.atomic():
            consequence.go_on(pk)


def _wake(now: datetime) -> None:
    live = Execution.objects.filter(mode=Mode.LIVE)
    late = now - _GRACE
    due = Q(next_check_at__lte=now) | Q(next_check_at__isnull=True)
    for job, rows in (
        (Job.EXECUTE, live.filter(state=ExecutionState.APPROVED, created_at__lte=late)),
        (Job.PROBE, live.filter(due, state=ExecutionState.UNKNOWN)),
        (Job.VERIFY, live.filter(due, state=ExecutionState.VERIFYING)),
    ):
        for pk in rows.values_list("pk", flat=True):
            enqueue(job, execution_id=str(pk))
    asked = PlanRequest.objects.filter(state=PlanRequest.State.WAITING, created_at__lte=late)
    for pk in asked.values_list("pk", flat=True):
        enqueue(Job.ASK, request_id=str(pk))
    newer = Investigation.objects.filter(
        incident=OuterRef("incident"), created_at__gt=OuterRef("created_at")
    )
    unplanned = Investigation.objects.filter(
        ~Exists(newer),
        state=Investigation.State.SETTLED,
        finished_at__lte=late,
        incident__state=State.ANALYSING,
    )
    for pk in unplanned.values_list("pk", flat=True):
        enqueue(Job.PLAN, investigation_id=str(pk))
