"""Carrying out the wishes that need a target's answer: at most once each, safe to run twice.

The dry run comes first, outside any transaction; then one transaction closes the request, which
decides between two workers, and stores what came of it.
"""

from collections.abc import Callable
from dataclasses import asdict, replace

from django.db import IntegrityError, transaction

from airra.lib.db import Conflict
from analysis.models import Investigation
from incidents.lifecycle import IllegalMove
from remediation.commands import approval as approvals
from remediation.commands import plan as plans
from remediation.commands.acting.endpoint import find
from remediation.commands.acting.plan import best_hypothesis
from remediation.commands.acting.proposal import ask_targets, propose
from remediation.commands.assessment import policy_of
from remediation.commands.proposal import Aim, Proposal, aims_of, ask, same_dry_run
from remediation.commands.refusal import Refused
from remediation.commands.request import close, refuse
from remediation.commands.steps import planned_steps, targets_of
from remediation.decision.catalog import UnknownAction, spec_of
from remediation.execution.base import ExecutorError
from remediation.models import Execution, Plan, PlanRequest
from remediation.types import ActionRequest, PlannedStep

Kind = PlanRequest.Kind


def carry_out(*, request_id: str) -> None:
    """Ask the target and store what it said, or which rule said no. Does nothing when done."""
    request = (
        PlanRequest.objects.select_related(
            "incident__workspace", "plan", "approval__plan__incident__workspace", "by"
        )
        .filter(pk=request_id)
        .first()
    )
    if request is None or request.state != PlanRequest.State.WAITING:
        return
    try:
        _CARRIERS[Kind(request.kind)](request)
    except Refused as refused:
        refuse(request, rule=refused.rule, text=str(refused))
    except (Conflict, IllegalMove, IntegrityError) as overtaken:
        refuse(request, rule="overtaken", text=f"something else was decided meanwhile: {overtaken}")


def _action(request: PlanRequest) -> None:
    incident = request.incident
    plans.check_may_request(incident)
    first = ActionRequest(request.action, request.service_name, request.params)
    wanted = [first, *(ActionRequest(**step) for step in request.then)]
    try:
        for one in wanted:
            spec_of(one.action)
        aims = [Aim(find(incident.workspace, one.service, one.action)[0], one) for one in wanted]
    except UnknownAction as error:
        raise Refused("catalog", str(error)) from error
    except ExecutorError as error:
        raise Refused("endpoint", str(error)) from error
    investigation = incident.investigations.filter(state=Investigation.State.SETTLED).last()
    proposal = propose(
        incident=incident,
        aims=aims,
        why=f"requested by {request.by.get_username() if request.by else 'AIRRA'}",
        hypothesis=best_hypothesis(investigation) if investigation else None,
        requested_by=request.by,
    )
    with transaction.atomic():
        close(request, PlanRequest.State.DONE)
        _led_to(request, plans.adopt(proposal))


def _revise(request: PlanRequest) -> None:
    plan = request.plan
    assert plan is not None  # noqa: S101 - the database demands it of this kind
    plans.check_may_revise(plan)
    proposal = _anew(plan)
    with transaction.atomic():
        close(request, PlanRequest.State.DONE)
        _led_to(request, plans.replace_with(plan=plan, proposal=proposal, by=request.by))


def _dry_run(request: PlanRequest) -> None:
    """Does the target still say what waits for approval? Another answer replaces the plan."""
    approval, by = request.approval, request.by
    assert approval is not None  # noqa: S101 - the database demands it of this kind
    assert by is not None  # noqa: S101 - only a person asks for a second look
    plan = approval.plan
    approvals.check(approval, by)
    error = ""
    fresh: list[PlannedStep] | None = None
    try:
        fresh = _asked_again(plan)
    except (ExecutorError, Refused) as failed:
        error = str(failed)
    is_same = fresh is not None and same_dry_run(plan, fresh)
    revised = _anew(plan) if fresh is not None and not is_same else None
    with transaction.atomic():
        close(request, PlanRequest.State.DONE)
        approvals.decide_dry_run(approval, by=by, reason=request.reason)
        execution = approvals.record_dry_run(
            approval,
            planned=asdict(fresh[0].targets[0]) if fresh else None,
            is_same=is_same,
            error=error,
            by=by,
        )
        if revised is None:
            ask(plan, minutes=policy_of(plan.incident.workspace).approval_minutes)
            result = plan
        else:
            result = plans.replace_with(plan=plan, proposal=revised, by=by)
        _led_to(request, result, execution=execution)


def _asked_again(plan: Plan) -> list[PlannedStep]:
    """A fresh dry run of every step, held against the same predictions."""
    approved = planned_steps(targets_of(plan))
    pairs = zip(approved, aims_of(plan), strict=True)
    return [replace(step, targets=ask_targets(aim)) for step, aim in pairs]


def _led_to(request: PlanRequest, plan: Plan, *, execution: Execution | None = None) -> None:
    PlanRequest.objects.filter(pk=request.pk).update(result=plan, execution=execution)


def _anew(plan: Plan) -> Proposal:
    return propose(
        incident=plan.incident,
        aims=aims_of(plan),
        why=plan.why,
        hypothesis=plan.hypothesis,
        requested_by=plan.requested_by,
    )


_CARRIERS: dict[PlanRequest.Kind, Callable[[PlanRequest], None]] = {
    Kind.ACTION: _action,
    Kind.REVISE: _revise,
    Kind.DRY_RUN: _dry_run,
}
