"""People decide on a plan's hash: approve, reject, ask for changes; or it expires or is void."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import NotPermitted
from remediation.commands import course
from remediation.commands.assessment import policy_of, target_key
from remediation.commands.plan import retire
from remediation.commands.proposal import hash_of
from remediation.commands.refusal import Refused
from remediation.commands.request import wish
from remediation.commands.steps import key_of, targets_of
from remediation.commands.vote import PLAIN, Stand, Voter, cast, voter_of
from remediation.models import Approval, Execution, Plan, PlanRequest, Vote
from remediation.queries import stops
from remediation.queries.say import NEEDS_MORE, Objection, closed, needs_step_up, not_distinct
from remediation.types import ExecutionState, Factor, Mode

Kind = TimelineEvent.Kind
_WHY = {Approval.State.REJECTED: "reject it", Approval.State.RETURNED: "ask for changes"}
_STEP_UP = {
    Factor.SESSION: "this risk needs your password once more: it was not given within 5 minutes",
    Factor.TOKEN: "an API token cannot approve this risk: sign in and give your password once more",
}


def approve(
    *, approval: Approval, by: User, reason: str = "", stand: Stand = PLAIN
) -> Execution | None:
    """Let the plan run live: the execution waits for its worker.

    None when a second person is still needed. Raises `NotPermitted`, `Refused`, or `Conflict` when
    somebody was first. What nobody can approve any more is void from then on, and says why.
    """
    voter = voter_of(approval, by, stand)
    _check(approval, voter)
    if approval.plan.risk_band in NEEDS_MORE and not reason.strip():
        raise Refused("reason", f"{approval.plan.risk_band} risk: say why you approve it")
    if needs_step_up(approval) and stand.factor is not Factor.STEP_UP:
        raise Refused("step_up", _STEP_UP[stand.factor])
    if approval.needed == 2 and approval.first_approver_id is None:
        _approve_first(approval, voter, reason=reason)
        return None
    return _go_live(approval, voter, reason=reason)


def try_out(*, approval: Approval, by: User, reason: str = "", stand: Stand = PLAIN) -> PlanRequest:
    """Ask for a fresh dry run. Raises like `approve`.

    The executor process makes it. An answer equal to the first leaves a new pending approval of the
    same hash for going live; another one replaces the plan.
    """
    _check(approval, voter_of(approval, by, stand))
    return wish(
        incident=approval.plan.incident,
        kind=PlanRequest.Kind.DRY_RUN,
        by=by,
        approval=approval,
        reason=reason,
    )


@transaction.atomic
def reject(*, approval: Approval, by: User, reason: str, stand: Stand = PLAIN) -> Approval:
    """Decide against the plan, with a reason; the incident is left to people."""
    return _turn_down(
        approval, voter_of(approval, by, stand), Approval.State.REJECTED, "rejected", reason=reason
    )


@transaction.atomic
def ask_for_changes(*, approval: Approval, by: User, reason: str, stand: Stand = PLAIN) -> Approval:
    """Send the plan back with a note: whoever responds may plan again, and sees the note."""
    return _turn_down(
        approval,
        voter_of(approval, by, stand),
        Approval.State.RETURNED,
        "asked for changes to",
        reason=reason,
    )


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


def void_changed() -> int:
    """End what nobody can approve any more because what it binds has changed. Returns how many."""
    waiting = Approval.objects.filter(state=Approval.State.PENDING)
    found = waiting.select_related("plan__incident__workspace")
    return sum(_void(approval, change) for approval in found if (change := _change_of(approval)))


def _void(approval: Approval, change: Objection) -> bool:
    """Void it, and leave the incident to people, who may ask for a fresh dry run."""
    try:
        with transaction.atomic():
            retire(approval.plan, text=f"cannot approve “{approval.plan.title}” any more",
                   reason=change.reason)  # fmt: skip
    except Conflict:
        return False
    metrics.APPROVALS.labels(decision="void").inc()
    return True


def check(approval: Approval, by: User) -> None:
    """Whether this person may still decide on it. Raises `Refused`."""
    _check(approval, _voter(approval, by))


def _voter(approval: Approval, by: User) -> Voter:
    """Whoever asked for a dry run, when its turn has come: a lost right is a rule that says no."""
    try:
        return voter_of(approval, by, PLAIN)
    except NotPermitted as error:
        raise Refused("role", str(error)) from error


def _check(approval: Approval, voter: Voter) -> None:
    """Every rule that can be known before anything is written, but those of the risk."""
    plan = approval.plan
    stand = voter.stand
    objection = not_distinct(approval, voter.user, voter.lent) or closed(approval)
    if objection:
        raise Refused(objection.rule, objection.reason)
    if stand.saw_hash and stand.saw_hash != approval.plan_hash:
        raise Refused("hash", "what you saw is no longer the plan this approval is for: look again")
    change = _change_of(approval)
    if change:
        _void(approval, change)
        raise Refused(change.rule, f"{change.reason}: re-plan and look again")
    places = stops.places_of(plan)
    killed = stops.killed(places)
    if killed:
        raise Refused("kill_switch", f"the kill switch is on: {killed}")
    frozen = stops.frozen(places, clock.now())
    if frozen:
        raise Refused("freeze", f"a freeze window is open: {frozen}")


def _change_of(approval: Approval) -> Objection | None:
    """What has changed of all that the hash binds; None while it is what was asked about."""
    plan = approval.plan
    if not approval.plan_hash == plan.plan_hash == hash_of(plan):
        return Objection("hash", "the plan is no longer the one this approval is for")
    if policy_of(plan.incident.workspace).version != plan.policy_version:
        return Objection("policy_version", "the policy has changed since the dry run")
    return None


def _turn_down(
    approval: Approval, voter: Voter, to: Approval.State, verb: str, *, reason: str
) -> Approval:
    if not reason.strip():
        raise Refused("reason", f"say why you {_WHY[to]}")
    plan = approval.plan
    _decide(approval, to, voter, reason=reason)
    decision = Vote.Decision.REJECT if to == Approval.State.REJECTED else Vote.Decision.RETURN
    cast(approval, voter, decision, comment=reason)
    retire(plan, text=f"{verb} “{plan.title}”", by=voter.user, reason=reason)
    return approval


def _decide(
    approval: Approval, to: Approval.State, voter: Voter, *, reason: str, mode: str = ""
) -> None:
    compare_and_set(
        approval,
        "state",
        expect=Approval.State.PENDING,
        to=to,
        decided_by=voter.user,
        decided_at=clock.now(),
        reason="\n".join(filter(None, [approval.reason, reason])),
        mode=mode,
    )
    decision = f"{to} for {mode}" if mode else str(to)
    _record(f"approval.{to}", approval, voter, reason=reason, mode=mode)
    metrics.APPROVALS.labels(decision=decision).inc()


def _record(kind: str, approval: Approval, voter: Voter, *, reason: str, mode: str = "") -> None:
    after = {"hash": approval.plan_hash, "mode": mode, "factor": str(voter.stand.factor)}
    if voter.voice != voter.user:
        after["by right of"] = voter.voice.get_username()
    audit.record(kind, target=approval.plan, by=voter.user, after=after, reason=reason)


@transaction.atomic
def _approve_first(approval: Approval, voter: Voter, *, reason: str) -> None:
    """The first of two; the row stays pending, and the two can never be the same person."""
    plan = approval.plan
    changed = Approval.objects.filter(
        pk=approval.pk, state=Approval.State.PENDING, first_approver__isnull=True
    ).update(first_approver=voter.user, reason=reason)
    if changed != 1:
        raise Conflict(approval, "state", Approval.State.PENDING)
    approval.first_approver, approval.reason = voter.user, reason
    cast(approval, voter, Vote.Decision.APPROVE, comment=reason, mode=Mode.LIVE)
    timeline.record(
        plan.incident, Kind.APPROVAL, f"approved “{plan.title}”, the first of two", by=voter.user
    )
    _record("approval.first", approval, voter, reason=reason, mode=Mode.LIVE)


@transaction.atomic
def _go_live(approval: Approval, voter: Voter, *, reason: str) -> Execution:
    plan, by = approval.plan, voter.user
    _decide(approval, Approval.State.APPROVED, voter, reason=reason, mode=Mode.LIVE)
    cast(approval, voter, Vote.Decision.APPROVE, comment=reason, mode=Mode.LIVE)
    compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.APPROVED)
    (execution,) = course.start(plan, approval, targets_of(plan)[:1])
    incidents.move(
        incident=Incident.objects.get(pk=plan.incident_id),
        to=State.EXECUTING,
        text=f"approved “{plan.title}” to run live",
        kind=Kind.APPROVAL,
        by=by,
        payload={"plan": str(plan.pk), "execution": str(execution.pk)},
        reason=reason,
    )
    return execution


def decide_dry_run(approval: Approval, *, by: User, reason: str) -> None:
    """The dry run has been made: this approval is spent. Call inside a transaction.

    No vote: nobody has said yes or no to the plan.
    """
    voter = _voter(approval, by)
    _decide(approval, Approval.State.APPROVED, voter, reason=reason, mode=Mode.DRY_RUN)


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
