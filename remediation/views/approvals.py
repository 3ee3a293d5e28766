"""The queue of decisions, and one decision as a page or a drawer."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import ptag

from airra.lib.db import Conflict
from airra.lib.htmx import redirect, render_partial, toast
from incidents.lifecycle import IllegalMove
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import permissions_of, workspaces_of
from incidents.views.refusals import answers_refusals, person
from remediation.commands import approval as commands
from remediation.commands import step_up
from remediation.commands.refusal import Refused
from remediation.models import Approval, Plan
from remediation.queries import approval_queue, fatigue
from remediation.queries import plan as plans
from remediation.queries.authority import Lent, voice_of
from remediation.queries.links import BadLink, Link, read_link, seen_now
from remediation.queries.review import Review, review, standing_of, tag_of
from remediation.queries.say import needs_step_up, say_of
from remediation.types import Factor
from remediation.views.forms import DecisionForm
from remediation.views.standing import factor_of, stamp, stand_of

_MAY_BE_PLANNED_AGAIN = (Plan.State.PROPOSED, Plan.State.DISCARDED)
_LOOK_OR_DECIDE = ["GET", "HEAD", "POST"]


def _queue(request: HttpRequest) -> dict[str, Any]:
    places = workspaces_of(request.user)
    held = {workspace.pk: permissions_of(request.user, workspace) for workspace in places}
    return {
        "waiting": approval_queue.waiting(request.user, held),
        "decided": approval_queue.decided(request.user),
        "warning": fatigue.warning(places),
        "tag": approval_queue.tag(request.user),
    }


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    return render(request, "remediation/approvals.html", _queue(request))


def _queue_tag(request: HttpRequest) -> str:
    return approval_queue.tag(request.user)


@ptag(_queue_tag)
@require_safe
def queue_live(request: HttpRequest) -> HttpResponse:
    return render_partial(request, "remediation/approvals.html", "queue", _queue(request))


@require_safe
def how_it_goes(request: HttpRequest) -> HttpResponse:
    """How fast, how often and how carelessly people answer."""
    found = fatigue.weeks(workspaces_of(request.user))
    return render(request, "remediation/fatigue.html", {"weeks": found, "newest": found[0]})


def _context(request: HttpRequest, found: Review) -> dict[str, Any]:
    approval, plan = found.approval, found.approval.plan
    permissions = permissions_of(request.user, plan.incident.workspace)
    say = say_of(approval, request.user, permissions)
    return {
        "approval": approval,
        "plan": plan,
        "incident": plan.incident,
        "panel": found.panel,
        "review": found,
        "standing": found.standing,
        "say": say,
        "may_decide": say.may and found.standing.is_open,
        "may_revise": Permission.RESPOND in permissions,
        "may_plan_again": Permission.RESPOND in permissions
        and plan.state in _MAY_BE_PLANNED_AGAIN
        and approval.state != Approval.State.REJECTED,
        "is_proved": factor_of(request) is Factor.STEP_UP,
        "asked_by": plans.asked_by(approval),
        "factors": found.factors,
        "seen": seen_now(approval, request.user),
        "tag": found.tag,
    }


def _page(
    request: HttpRequest, approval: Approval, form: DecisionForm, *, status: int, problem: str = ""
) -> HttpResponse:
    context = _context(request, review(approval))
    context |= {"form": form, "problem": problem, "action": request.path}
    return render(request, "remediation/approval.html", context, status=status)


def _form(request: HttpRequest, found: Approval) -> DecisionForm:
    asks = needs_step_up(found) and factor_of(request) is Factor.SESSION
    data = request.POST if request.method == "POST" else None
    return DecisionForm(data, band=found.plan.risk_band, needs_password=asks)


@require_http_methods(_LOOK_OR_DECIDE)
@answers_refusals
def approval(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Look, then decide. When the world moved meanwhile: 409 with what it is now."""
    return _look_or_decide(request, plans.visible_approval(request.user, approval_id))


@require_http_methods(_LOOK_OR_DECIDE)
@answers_refusals
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """The same page, come by from a mail. A link opens; only the form of the page acts, once."""
    try:
        link = read_link(token, request.user)
    except BadLink as error:
        return _no_link(request, str(error))
    found = plans.visible_approval(request.user, link.approval_id)
    if found.plan_hash != link.plan_hash:
        return _no_link(request, "What this link was about has changed.")
    return _look_or_decide(request, found, link=link)


def _no_link(request: HttpRequest, why: str) -> HttpResponse:
    return render(request, "remediation/bad_link.html", {"why": why}, status=410)


def _look_or_decide(
    request: HttpRequest, found: Approval, *, link: Link | None = None
) -> HttpResponse:
    form = _form(request, found)
    if request.method != "POST":
        return _page(request, found, form, status=200)
    by = person(request)
    if voice_of(by, found.plan.incident.workspace, Lent(by)) is None:
        raise NotPermitted(Permission.APPROVE)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        toast(request, _decide(request, found, form, link=link.digest if link else ""))
    except (Refused, Conflict, IllegalMove) as error:
        return _refused(request, found, form, error)
    return redirect(request, "incidents:detail", found.plan.incident.key)


def _refused(
    request: HttpRequest, found: Approval, form: DecisionForm, error: Exception
) -> HttpResponse:
    """Nothing was decided: the page again, with what stands now and why."""
    rule = error.rule if isinstance(error, Refused) else ""
    text = _sentence(error)
    if rule in {"step_up", "too_many"}:
        form.add_error("password", text)
        return _page(request, found, form, status=429 if rule == "too_many" else 422)
    if isinstance(error, Conflict):
        text = "Somebody else decided first."
    newer = plans.visible_approval(request.user, found.pk)
    return _page(request, newer, form, status=409, problem=text)


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def _decide(request: HttpRequest, found: Approval, form: DecisionForm, *, link: str) -> str:
    """Call the command; returns what to tell."""
    by, title, data = person(request), found.plan.title, form.cleaned_data
    if form.is_live and form.needs_password:
        place = found.plan.incident.workspace_id
        step_up.prove(user=by, password=data["password"], workspace_id=place)
        stamp(request)
    stand = stand_of(request, found, link=link)
    if data["decision"] == "reject":
        commands.reject(approval=found, by=by, reason=data["reason"], stand=stand)
        return f"Rejected: {title}."
    if data["decision"] == "return":
        commands.ask_for_changes(approval=found, by=by, reason=data["reason"], stand=stand)
        return f"Sent back with your note: {title}."
    if not form.is_live:
        commands.try_out(approval=found, by=by, reason=data["reason"], stand=stand)
        return f"Asking the target for a dry run of “{title}”. Nothing changes in production."
    if commands.approve(approval=found, by=by, reason=data["reason"], stand=stand) is None:
        return f"Your approval of “{title}” counts; a second person is needed."
    return f"Approved: {title}. It runs now."


def _tag(request: HttpRequest, approval_id: UUID) -> str:
    found = plans.visible_approval(request.user, approval_id)
    panel = plans.panel_of(found)
    return tag_of(panel, standing_of(panel, found))


@ptag(_tag)
@require_safe
def decision(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The foot of the drawer, polled: its buttons go when the world moves."""
    return _part(request, approval_id, "decision")


@ptag(_tag)
@require_safe
def standing(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """The head of the drawer, polled: where the question stands, and what replaced it."""
    return _part(request, approval_id, "standing")


def _part(request: HttpRequest, approval_id: UUID, name: str) -> HttpResponse:
    found = review(plans.visible_approval(request.user, approval_id))
    context = _context(request, found)
    return render_partial(request, "remediation/approval.html", name, context)
