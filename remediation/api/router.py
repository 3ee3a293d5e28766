"""Approvals and actions over the API: the same commands as the pages, the same rules."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from incidents.api.auth import caller, incident_of, workspace_of
from incidents.api.schemas import Cursor
from remediation.api.schemas import (
    ActionsIn,
    ApprovalList,
    ApprovalOut,
    ApproveIn,
    ChangesIn,
    DecisionOut,
    ExecutionOut,
    PlanOut,
    PlanRequestOut,
    RejectIn,
)
from remediation.commands import approval as commands
from remediation.commands import execution as executions
from remediation.commands import plan as plans
from remediation.commands.refusal import Refused
from remediation.commands.vote import Stand
from remediation.models import Approval, Execution, Plan, PlanRequest
from remediation.queries import api
from remediation.types import ActionRequest, Factor, Mode

approvals = Router(tags=["approvals"])
actions = Router(tags=["actions"])
_TOKEN = Stand(Factor.TOKEN)


@approvals.get("/pending", response=ApprovalList, summary="What waits for a decision")
def pending(
    request: HttpRequest, cursor: Cursor = "", limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Soonest to expire first."""
    items, following = api.pending(workspace_of(request), cursor=cursor, limit=limit)
    return {"items": items, "next": following}


@approvals.get("/{approval_id}", response=ApprovalOut, summary="One approval")
def one(request: HttpRequest, approval_id: UUID) -> Approval:
    return api.approval(workspace_of(request), approval_id)


@approvals.post("/{approval_id}/approve", response={200: DecisionOut, 202: DecisionOut})
def approve(
    request: HttpRequest, approval_id: UUID, given: ApproveIn
) -> dict[str, Any] | Status[dict[str, Any]]:
    """Decide for the plan. `live` wakes its execution; poll `GET /actions/{plan}`.

    `dry_run` answers 202: the executor process asks the target; poll `GET /actions/requests/{id}`.
    """
    found = api.approval(workspace_of(request), approval_id)
    _is_oneself(request, given.approved_by, "approved_by")
    said: dict[str, Any] = {"approval": found, "execution": None, "request": None}
    by, stand = caller(request), Stand(Factor.TOKEN, saw_hash=given.plan_hash)
    if given.execution_mode is Mode.DRY_RUN:
        said["request"] = commands.try_out(approval=found, by=by, reason=given.comment, stand=stand)
        return Status(202, said)
    said["execution"] = commands.approve(approval=found, by=by, reason=given.comment, stand=stand)
    return said | {"approval": api.approval(workspace_of(request), approval_id)}


@approvals.post("/{approval_id}/reject", response=DecisionOut, summary="Decide against the plan")
def reject(request: HttpRequest, approval_id: UUID, given: RejectIn) -> dict[str, Any]:
    found = api.approval(workspace_of(request), approval_id)
    if given.rejected_by:
        _is_oneself(request, given.rejected_by, "rejected_by")
    commands.reject(approval=found, by=caller(request), reason=given.comment, stand=_TOKEN)
    decided = api.approval(workspace_of(request), approval_id)
    return {"approval": decided, "execution": None, "request": None}


@approvals.post("/{approval_id}/request-changes", response=DecisionOut, summary="Send it back")
def request_changes(request: HttpRequest, approval_id: UUID, given: ChangesIn) -> dict[str, Any]:
    """The plan goes back to who responds, with the note; it may be planned again."""
    found = api.approval(workspace_of(request), approval_id)
    commands.ask_for_changes(approval=found, by=caller(request), reason=given.comment, stand=_TOKEN)
    decided = api.approval(workspace_of(request), approval_id)
    return {"approval": decided, "execution": None, "request": None}


@actions.post("", response={202: PlanRequestOut}, summary="Ask for one action or several in order")
def ask(request: HttpRequest, given: ActionsIn) -> Status[PlanRequest]:
    """Asks each target for a dry run; then somebody else must approve all of it.

    Poll `GET /actions/requests/{id}`. A step begins when the one before it is proved to have
    helped; harm ends the plan and undoes what was done, in reverse, where the undo is exact.
    """
    incident = incident_of(request, given.incident)
    wanted = [ActionRequest(step.action, step.service, step.params) for step in given.steps]
    made = plans.request_action(
        incident=incident,
        action=wanted[0].action,
        service=wanted[0].service,
        params=wanted[0].params,
        by=caller(request),
        then=wanted[1:],
    )
    return Status(202, made)


@actions.get("/requests/{request_id}", response=PlanRequestOut, summary="A dry run asked for")
def plan_request(request: HttpRequest, request_id: UUID) -> PlanRequest:
    """`waiting` until the executor process has asked the target; then `done`, or `refused`."""
    return api.plan_request(workspace_of(request), request_id)


@actions.get("/{plan_id}", response=PlanOut, summary="A planned action and what was done")
def plan(request: HttpRequest, plan_id: UUID) -> Plan:
    return api.plan(workspace_of(request), plan_id)


@actions.post("/{plan_id}/execute", response={202: ExecutionOut}, summary="Run what was approved")
def execute(request: HttpRequest, plan_id: UUID) -> Status[Execution]:
    """Wakes the execution of an approved action. It runs once, however often this is called."""
    found = api.plan(workspace_of(request), plan_id)
    return Status(202, executions.wake(plan=found, by=caller(request)))


def _is_oneself(request: HttpRequest, name: str, field: str) -> None:
    own = caller(request).get_username()
    if name != own:
        raise Refused("separation", f"{field} must be the token's own user, {own}")
