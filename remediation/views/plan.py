"""Asking for another look at a plan, and asking for an action of one's own."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.htmx import redirect, toast
from incidents.permissions import Permission
from incidents.queries.access import require, visible_incident, workspaces_of
from incidents.queries.services import names_in
from incidents.views.refusals import answers_refusals, overtaken, person, writes
from remediation.commands import plan as commands
from remediation.commands.refusal import Refused
from remediation.models import Plan
from remediation.views.request_forms import RequestForm


@writes
def revise(request: HttpRequest, plan_id: UUID) -> HttpResponse:
    """A fresh dry run of the same action; whatever was approved of the old one is void."""
    plan = get_object_or_404(
        Plan.objects.select_related("incident__workspace"),
        pk=plan_id,
        incident__workspace__in=workspaces_of(request.user),
    )
    try:
        commands.revise(plan=plan, by=person(request))
    except Refused as refused:
        return overtaken(request, str(refused))
    toast(request, f"Asking the target for a new dry run of “{plan.title}”.")
    return redirect(request, "incidents:detail", plan.incident.key)


@answers_refusals
def request_action(request: HttpRequest, key: str) -> HttpResponse:
    """A person's own wish of 1 to 5 steps: dry run, policy, and somebody else's approval."""
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    form = RequestForm(
        request.POST if request.method == "POST" else None,
        services=names_in(incident.workspace),
        first=str(incident.service or ""),
    )
    if request.method == "POST" and form.is_valid():
        wanted, *then = form.requests()
        try:
            commands.request_action(
                incident=incident,
                action=wanted.action,
                service=wanted.service,
                params=wanted.params,
                then=then,
                by=person(request),
            )
        except Refused as refused:
            form.first.add_error(None, f"{refused}.")
        else:
            toast(request, "Asking the target for a dry run; then somebody else must approve it.")
            return redirect(request, "incidents:detail", incident.key)
    context = {"incident": incident, "form": form}
    return render(
        request, "remediation/request_action.html", context, status=422 if form.is_bound else 200
    )
