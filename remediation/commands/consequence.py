"""What a new state of an execution means for its plan and its incident.

Called inside the transaction that moved the execution, so that the three never disagree. A person
or a cleared alert may have moved the incident meanwhile: then the story is told and nothing forced.
"""

from collections.abc import Callable
from dataclasses import asdict
from uuid import UUID

from airra.lib import metrics
from airra.lib.db import Conflict
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, TimelineEvent
from remediation.commands import course
from remediation.commands.course import Work
from remediation.commands.plan import revise
from remediation.commands.prediction import stored_of
from remediation.commands.refusal import Refused
from remediation.execution.course import Done, Place, Start, Stop, Undo
from remediation.execution.protocol import Event, Facts, next_state
from remediation.models import Approval, Execution, Plan
from remediation.types import ExecutionState, Mode

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
        action = execution.target.step.action if execution.target else execution.plan.action
        metrics.EXECUTIONS.labels(action=action, state=state).inc()
    if execution.kind == Execution.Kind.UNDO:
        _follow_undo(execution, state)
    else:
        _STORIES[state](execution)
    if state in _PLAN_ENDS:
        go_on(execution.plan_id)
        if state is _S.STALE and execution.kind == Execution.Kind.APPLY:
            _plan_anew(execution)


def go_on(plan_id: UUID) -> None:
    """Carry out the next move of an approved plan. Safe to repeat; call inside a transaction."""
    plan = Plan.objects.select_related("incident__workspace").get(pk=plan_id)
    if plan.state != Plan.State.APPROVED:
        return
    steps = course.read(plan)
    move = course.move_of(steps)
    if isinstance(move, Start):
        move = _start(plan, steps, move)
    if isinstance(move, Undo):
        work = _at(steps, move.place)
        if work.applied is not None:
            course.undo(work.applied, work.target)
    elif isinstance(move, Done):
        _end(plan, Plan.State.DONE)
        _resolve(plan, [work.applied for work in steps[-1] if work.applied])
    elif isinstance(move, Stop):
        _stop(plan, [work for step in steps for work in step], move)


def _start(plan: Plan, steps: list[list[Work]], move: Start) -> Start | Stop:
    """Start a wave, or say why it must not begin."""
    if not plan.incident.is_live:
        return Stop(move.places[0], "the incident ended before it began")
    approval = plan.approvals.filter(state=Approval.State.APPROVED, mode=Mode.LIVE).first()
    if approval is None:
        return Stop(move.places[0], "nobody has approved it")
    course.start(plan, approval, [_at(steps, place).target for place in move.places])
    return move


def _at(steps: list[list[Work]], place: Place) -> Work:
    return steps[place.step][place.target]


def _end(plan: Plan, state: Plan.State) -> None:
    Plan.objects.filter(pk=plan.pk, state=Plan.State.APPROVED).update(state=state)


def _stop(plan: Plan, works: list[Work], stop: Stop) -> None:
    """The plan ends before its last match; where it had more than one thing to do, say where."""
    attempts = [work.applied for work in works if work.applied]
    ends = {_PLAN_ENDS.get(ExecutionState(each.state), Plan.State.FAILED) for each in attempts}
    was_tried = ends - {Plan.State.DISCARDED}
    _end(plan, Plan.State.FAILED if was_tried else Plan.State.DISCARDED)
    if len(works) == 1 or not attempts:
        return
    place = next((w.target for w in works if w.place == stop.place), None)
    where = f" at “{place}”" if place else ""
    done = sum(each.effect_at is not None for each in attempts)
    text = f"“{plan.title}” stops{where}: {stop.reason}. {done} of {len(works)} were done"
    advance(attempts[-1], State.NO_SAFE_ACTION, f"{text}; a person must look", Kind.EXECUTION)


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


def _title(execution: Execution) -> str:
    """What this execution does; of a plan with more to do, its own part."""
    return str(execution.target or execution.plan.title)


def _started(execution: Execution) -> None:
    advance(execution, None, f"starts “{_title(execution)}”", Kind.EXECUTION)


def _verifying(execution: Execution) -> None:
    prediction = stored_of(execution).sentence()
    text = f"did “{_title(execution)}”; verified when {prediction}"
    advance(execution, State.VERIFYING, text, Kind.EXECUTION)
    enqueue(Job.VERIFY, execution_id=str(execution.pk))


def _unknown(execution: Execution) -> None:
    text = f"does not know whether “{_title(execution)}” happened ({execution.error}); asks"
    advance(execution, None, text, Kind.PROBLEM)
    enqueue(Job.PROBE, execution_id=str(execution.pk))


def _nothing_done(word: str) -> Callable[[Execution], None]:
    def tell(execution: Execution) -> None:
        text = f"“{_title(execution)}” {word}: {execution.error}. Nothing was changed"
        advance(execution, State.NO_SAFE_ACTION, text, Kind.EXECUTION)

    return tell


def _plan_anew(execution: Execution) -> None:
    """The approval is void: a fresh dry run asks again, where nothing of the plan has been done."""
    plan = Plan.objects.select_related("incident__workspace").get(pk=execution.plan_id)
    was_begun = plan.executions.filter(mode=Mode.LIVE).exclude(pk=execution.pk).exists()
    if was_begun or not plan.incident.is_live:
        return
    try:
        revise(plan=plan, by=None)
    except Refused as refused:
        timeline.record(plan.incident, Kind.PLAN, f"cannot plan it anew: {refused}")


def _succeeded(execution: Execution) -> None:
    incident = Incident.objects.get(pk=execution.plan.incident_id)
    text = f"verified “{_title(execution)}”: {execution.verdict_reason}"
    timeline.record(incident, Kind.VERIFICATION, text, payload=_evidence(execution))


def _evidence(execution: Execution) -> dict[str, object]:
    return {
        "plan": str(execution.plan_id),
        "execution": str(execution.pk),
        "verdict": execution.verdict,
        "reason": execution.verdict_reason,
        "prediction": asdict(stored_of(execution)),
        "samples": execution.samples,
    }


def _resolve(plan: Plan, proofs: list[Execution]) -> None:
    """The only way AIRRA itself resolves an incident: the alerting metric, held, as evidence."""
    incident = Incident.objects.get(pk=plan.incident_id)
    if not incident.is_live:
        return
    newest = max(proofs, key=lambda proof: proof.finished_at or proof.created_at)
    try:
        incidents.resolve(
            incident=incident,
            resolution=f"{plan.title}: {newest.verdict_reason}",
            payload=_evidence(newest),
        )
    except Conflict:
        timeline.record(incident, Kind.VERIFICATION, "the incident had moved on by then")


def _deviated(execution: Execution) -> None:
    target = execution.target
    can_undo = target is not None and Work(Place(0, 0), target, execution).item.can_undo
    text = f"“{_title(execution)}” made it worse: {execution.verdict_reason}"
    text += "; undoing it" if can_undo else "; it has no exact undo, a person must act"
    advance(execution, State.NO_SAFE_ACTION, text, Kind.VERIFICATION)


def _unproven(execution: Execution) -> None:
    """Only the end of a ramp must be proved to help: a wave before it may just do no harm."""
    is_on_its_way = not isinstance(course.move_of(course.read(execution.plan)), Stop)
    text = f"“{_title(execution)}” is not proved to have helped: {execution.verdict_reason}"
    advance(execution, None if is_on_its_way else State.NO_SAFE_ACTION, text, Kind.VERIFICATION)


def _follow_undo(undo: Execution, state: ExecutionState) -> None:
    title = _title(undo)
    if state is _S.SUCCEEDED and undo.undo_of is not None:
        original = undo.undo_of
        to = next_state(ExecutionState(original.state), Event.UNDO_DONE, Facts(is_unwinding=True))
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
    _S.STALE: _nothing_done("is out of date"),
    _S.EXPIRED: _nothing_done("came too late"),
    _S.CANCELLED: _nothing_done("was cancelled"),
}
