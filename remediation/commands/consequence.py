"""What a new state of an execution means for its plan and its incident.

Called inside the transaction that moved the execution, so that the three never disagree. A person
or a cleared alert may have moved the incident meanwhile: then the story is told and nothing forced.
"""

from collections.abc import Callable

from airra.lib import clock, metrics
from airra.lib.db import Conflict
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, TimelineEvent
from remediation.commands.approval import key_of
from remediation.commands.plan import revise
from remediation.commands.prediction import from_json
from remediation.commands.proposal import planned_of
from remediation.commands.refusal import Refused
from remediation.execution.protocol import Event, Facts, next_state
from remediation.models import Execution, Plan
from remediation.types import ExecutionState, Reversibility

Kind = TimelineEvent.Kind
_S = ExecutionState
_PLAN_ENDS = {
    _S.SUCCEEDED: Plan.State.DONE,
    _S.DEVIATED: Plan.State.FAILED,
    _S.INCONCLUSIVE: Plan.State.FAILED,
    _S.FAILED: Plan.State.FAILED,
    _S.STALE: Plan.State.DISCARDED,
    _S.EXPIRED: Plan.State.DISCARDED,
    _S.CANCELLED: Plan.State.DISCARDED,
}


def follow(execution: Execution) -> None:
    """Record the state an execution has just reached, and move what depends on it."""
    state = ExecutionState(execution.state)
    audit.record(
        f"execution.{state}",
        target=execution,
        by=execution.started_by if state is _S.INTENT else None,
        after={"key": execution.idempotency_key, "fence": execution.fence},
        reason=execution.error or execution.verdict_reason,
        workspace_id=execution.plan.incident.workspace_id,
    )
    if state in _PLAN_ENDS or state is _S.UNKNOWN:
        metrics.EXECUTIONS.labels(action=execution.plan.action, state=state).inc()
    if execution.kind == Execution.Kind.UNDO:
        _follow_undo(execution, state)
        return
    if state in _PLAN_ENDS:
        Plan.objects.filter(pk=execution.plan_id, state=Plan.State.APPROVED).update(
            state=_PLAN_ENDS[state]
        )
    _STORIES[state](execution)


def advance(execution: Execution, to: State | None, text: str, kind: str) -> None:
    """Move the incident where its table allows it, else only tell; never lose the caller's row."""
    incident = Incident.objects.get(pk=execution.plan.incident_id)
    payload = {"plan": str(execution.plan_id), "execution": str(execution.pk)}
    if to is not None and to in TRANSITIONS[State(incident.state)]:
        try:
            incidents.move(incident=incident, to=to, text=text, kind=kind, payload=payload)
        except Conflict:
            incident.refresh_from_db()
        else:
            return
    timeline.record(incident, kind, text, payload=payload)


def _started(execution: Execution) -> None:
    advance(execution, None, f"starts “{execution.plan.title}”", Kind.EXECUTION)


def _verifying(execution: Execution) -> None:
    prediction = from_json(execution.plan.prediction).sentence()
    text = f"did “{execution.plan.title}”; verified when {prediction}"
    advance(execution, State.VERIFYING, text, Kind.EXECUTION)
    enqueue(Job.VERIFY, execution_id=str(execution.pk))


def _unknown(execution: Execution) -> None:
    text = f"does not know whether “{execution.plan.title}” happened ({execution.error}); asks"
    advance(execution, None, text, Kind.PROBLEM)
    enqueue(Job.PROBE, execution_id=str(execution.pk))


def _nothing_done(word: str) -> Callable[[Execution], None]:
    def tell(execution: Execution) -> None:
        text = f"“{execution.plan.title}” {word}: {execution.error}. Nothing was changed"
        advance(execution, State.NO_SAFE_ACTION, text, Kind.EXECUTION)

    return tell


def _stale(execution: Execution) -> None:
    """The approval is void: a fresh dry run asks again, where the action is still possible."""
    _nothing_done("is out of date")(execution)
    plan = Plan.objects.select_related("incident__workspace").get(pk=execution.plan_id)
    if not plan.incident.is_live:
        return
    try:
        revise(plan=plan, by=None)
    except Refused as refused:
        timeline.record(plan.incident, Kind.PLAN, f"cannot plan it anew: {refused}")


def _succeeded(execution: Execution) -> None:
    """The only way AIRRA itself resolves an incident: the alerting metric, held, as evidence."""
    plan = execution.plan
    incident = Incident.objects.get(pk=plan.incident_id)
    evidence = {
        "plan": str(plan.pk),
        "execution": str(execution.pk),
        "verdict": execution.verdict,
        "reason": execution.verdict_reason,
        "prediction": plan.prediction,
        "samples": execution.samples,
    }
    text = f"verified “{plan.title}”: {execution.verdict_reason}"
    timeline.record(incident, Kind.VERIFICATION, text, payload=evidence)
    if not incident.is_live:
        return
    try:
        incidents.resolve(
            incident=incident,
            resolution=f"{plan.title}: {execution.verdict_reason}",
            payload=evidence,
        )
    except Conflict:
        timeline.record(incident, Kind.VERIFICATION, "the incident had moved on by then")


def _deviated(execution: Execution) -> None:
    undo = _undo_of(execution)
    text = f"“{execution.plan.title}” made it worse: {execution.verdict_reason}"
    text += "; undoing it" if undo else "; it has no exact undo, a person must act"
    advance(execution, State.NO_SAFE_ACTION, text, Kind.VERIFICATION)
    if undo is not None:
        enqueue(Job.EXECUTE, execution_id=str(undo.pk))


def _unproven(execution: Execution) -> None:
    text = f"“{execution.plan.title}” is not proved to have helped: {execution.verdict_reason}"
    advance(execution, State.NO_SAFE_ACTION, text, Kind.VERIFICATION)


def _undo_of(execution: Execution) -> Execution | None:
    """The undo, pre-approved with the plan: only where it is exact, once, and on what we left."""
    plan = execution.plan
    is_exact = plan.reversibility == Reversibility.EXACT_UNDO and planned_of(plan).undo is not None
    if not is_exact or not version_left_by(execution):
        return None
    undo, _ = Execution.objects.get_or_create(
        undo_of=execution,
        defaults={
            "plan": plan,
            "approval": execution.approval,
            "kind": Execution.Kind.UNDO,
            "mode": execution.mode,
            "plan_hash": execution.plan_hash,
            "target_key": execution.target_key,
            "idempotency_key": key_of(execution.approval, Execution.Kind.UNDO),
            "started_by": execution.started_by,
            "created_at": clock.now(),
        },
    )
    return undo


def version_left_by(execution: Execution) -> str:
    """The target's version as our effect left it, from the target's own answer; else empty."""
    target = execution.result.get("answer", {}).get("target", {})
    return str(target.get("version", ""))


def _follow_undo(undo: Execution, state: ExecutionState) -> None:
    title = undo.plan.title
    if state is _S.SUCCEEDED and undo.undo_of is not None:
        original = undo.undo_of
        to = next_state(ExecutionState(original.state), Event.UNDO_DONE, Facts())
        if to is not None:
            Execution.objects.filter(pk=original.pk, state=original.state).update(state=to)
        advance(undo, None, f"undid “{title}”", Kind.EXECUTION)
    elif state is _S.UNKNOWN:
        advance(undo, None, f"does not know whether the undo of “{title}” happened", Kind.PROBLEM)
        enqueue(Job.PROBE, execution_id=str(undo.pk))
    elif state is not _S.INTENT:
        text = f"the undo of “{title}” did not happen ({undo.error}): a person must act"
        advance(undo, None, text, Kind.PROBLEM)


_STORIES: dict[ExecutionState, Callable[[Execution], None]] = {
    _S.INTENT: _started,
    _S.VERIFYING: _verifying,
    _S.UNKNOWN: _unknown,
    _S.SUCCEEDED: _succeeded,
    _S.DEVIATED: _deviated,
    _S.INCONCLUSIVE: _unproven,
    _S.FAILED: _nothing_done("did not happen"),
    _S.STALE: _stale,
    _S.EXPIRED: _nothing_done("came too late"),
    _S.CANCELLED: _nothing_done("was cancelled"),
}
