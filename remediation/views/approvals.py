"""The queue of decisions, and one decision as a page or a drawer."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.db import Conflict
from airra.lib.htmx import redirect, render_partial, toast
from incidents.lifecycle import IllegalMove
from incidents.permissions import Permission
from incidents.queries.access import permissions_of, require, workspaces_of
from incidents.views.refusals import answers_refusals, person
from remediation.commands import approval as commands
from remediation.commands.refusal import Refused
from remediation.models import Approval
from remediation.queries import approval_queue, executions
from remediation.queries import plan as plans
from remediation.types import Mode
from remediation.views.forms import DecisionForm


def _queue(request: HttpRequest) -> dict[str, Any]:
    held = {
        workspace.pk: permissions_of(request.user, workspace)
        for workspace in workspaces_of(request.user)
    }
    return {
        "waiting": approval_queue.waiting(request.user, held),
        "decided": approval_queue.decided(request.user),
        "tag": approval_queue.tag(request.user),
    }


def queue(request: HttpRequest) -> HttpResponse:
    return render(request, "remediation/approvals.html", _queue(request))


def _queue_tag(request: HttpRequest) -> str:
    return approval_queue.tag(request.user)


@ptag(_queue_tag)
def queue_live(request: HttpRequest) -> HttpResponse:
    return render_partial(request, "remediation/approvals.html", "queue", _queue(request))


def _context(request: HttpRequest, approval: Approval) -> dict[str, Any]:
    plan = approval.plan
    permissions = permissions_of(request.user, plan.incident.workspace)
    panel = plans.panel_of(approval)
    return {
        "approval": approval,
        "plan": plan,
        "incident": plan.incident,
        "panel": panel,
        "say": plans.say_of(approval, request.user, permissions),
        "may_revise": Permission.RESPOND in permissions,
        "asked_by": plans.asked_by(approval),
        "factors": plans.risk_factors(plan),
        "record": executions.record_of(
            plan.incident.workspace, action=plan.action, service=plan.service_name
        ),
        "tag": panel.tag,
    }


def _page(
    request: HttpRequest, approval: Approval, form: DecisionForm, *, status: int, problem: str = ""
) -> HttpResponse:
    context = _context(request, approval) | {"form": form, "problem": problem}
    return render(request, "remediation/approval.html", context, status=status)


@answers_refusals
def approval(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Look, then decide. When the world moved meanwhile: 409 with what it is now."""
    found = plans.visible_approval(request.user, approval_id)
    if request.method != "POST":
        return _page(request, found, DecisionForm(band=found.plan.risk_band), status=200)
    require(request.user, Permission.APPROVE, found.plan.incident.workspace)
    form = DecisionForm(request.POST, band=found.plan.risk_band)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        toast(request, _decide(request, found, form.cleaned_data))
    except (Refused, Conflict, IllegalMove) as error:
        newer = plans.visible_approval(request.user, approval_id)
        problem = (
            "Somebody else decided first." if isinstance(error, Conflict) else _sentence(error)
        )
        return _page(request, newer, form, status=409, problem=problem)
    return redirect(request, "incidents:detail", found.plan.incident.key)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _decide(request: HttpRequest, found: Approval, data: dict[str, Any]) -> str:
    """Call the command; returns what to tell."""
    by, title = person(request), found.plan.title
    if data["decision"] == "reject":
        commands.reject(approval=found, by=by, reason=data["reason"])
        return f"Rejected: {title}."
    if Mode(data["mode"] or Mode.DRY_RUN) is Mode.DRY_RUN:
        commands.try_out(approval=found, by=by, reason=data["reason"])
        return f"Asking the target for a dry run of “{title}”. Nothing changes in production."
    if commands.approve(approval=found, by=by, reason=data["reason"]) is None:
        return f"Your approval of “{title}” counts; a second person is needed."
    return f"Approved: {title}. It runs now."


def _decision_tag(request: HttpRequest, approval_id: UUID) -> str:
    found = plans.visible_approval(request.user, approval_id)
    return plans.panel_of(found).tag


@ptag(_decision_tag)
def decision(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The foot of the drawer, polled: its buttons go when the world moves."""
    found = plans.visible_approval(request.user, approval_id)
    return render_partial(
        request, "remediation/approval.html", "decision", _context(request, found)
    )
