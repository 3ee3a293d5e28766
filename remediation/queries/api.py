"""What the API reads: pending approvals by cursor, one approval, one plan."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from incidents.models import Workspace
from incidents.queries.api_list import BadCursor
from remediation.models import Approval, Plan, PlanRequest


def _approvals(workspace: Workspace) -> QuerySet[Approval]:
    return (
        Approval.objects.filter(plan__incident__workspace=workspace)
        .select_related(
            "plan__incident__workspace", "plan__endpoint", "first_approver", "decided_by"
        )
        .prefetch_related("votes__by", "votes__voice")
    )


def approval(workspace: Workspace, approval_id: UUID) -> Approval:
    """One approval of this workspace; 404 otherwise."""
    return get_object_or_404(_approvals(workspace), pk=approval_id)


def pending(workspace: Workspace, *, cursor: str, limit: int) -> tuple[list[Approval], str | None]:
    """Soonest to expire first, and the cursor of the next page. Raises `BadCursor`."""
    found = _approvals(workspace).filter(state=Approval.State.PENDING)
    if cursor:
        moment, _, key = cursor.partition("~")
        try:
            expires_at, pk = datetime.fromisoformat(moment), UUID(key)
        except ValueError as error:
            msg = "cursor: expected the `next` of an earlier answer"
            raise BadCursor(msg) from error
        found = found.filter(Q(expires_at__gt=expires_at) | Q(expires_at=expires_at, id__gt=pk))
    rows = list(found.order_by("expires_at", "id")[: limit + 1])
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    return shown, f"{shown[-1].expires_at.isoformat()}~{shown[-1].pk.hex}"


def plan(workspace: Workspace, plan_id: UUID) -> Plan:
    """One plan of this workspace with its executions; 404 otherwise."""
    found = Plan.objects.filter(incident__workspace=workspace).select_related("incident__workspace")
    return get_object_or_404(found.prefetch_related("executions", "steps__targets"), pk=plan_id)


def plan_request(workspace: Workspace, request_id: UUID) -> PlanRequest:
    """One wish for a dry run of this workspace; 404 otherwise."""
    found = PlanRequest.objects.filter(incident__workspace=workspace)
    return get_object_or_404(found.select_related("incident", "execution"), pk=request_id)


def newest_plan(workspace: Workspace, incident_id: UUID) -> Plan | None:
    found = Plan.objects.filter(incident__workspace=workspace, incident=incident_id)
    return found.select_related("incident").prefetch_related("executions", "steps__targets").first()
