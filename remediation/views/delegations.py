"""Who has lent whom the right to decide, and until when."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from airra.lib import clock
from airra.lib.htmx import redirect, toast
from incidents.models import Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import workspaces_of
from incidents.views.refusals import answers_refusals, person, writes
from remediation.commands import delegation as commands
from remediation.commands.refusal import Refused
from remediation.models import Delegation
from remediation.queries import authority
from remediation.queries.say import name_of
from remediation.views.forms import DelegationForm


def _pairs(people: list[User]) -> list[tuple[str, str]]:
    return [(str(user.pk), name_of(user)) for user in people]


def _form(request: HttpRequest, place: Workspace | None) -> DelegationForm | None:
    """None where this user may lend nothing."""
    if place is None:
        return None
    lenders = authority.lenders_for(person(request), place)
    if not lenders:
        return None
    data = request.POST if request.method == "POST" else None
    borrowers = _pairs(authority.borrowers_in(place))
    return DelegationForm(data, lenders=_pairs(lenders), borrowers=borrowers)


@require_http_methods(["GET", "HEAD", "POST"])
@answers_refusals
def delegations(request: HttpRequest) -> HttpResponse:
    """What is lent in one's workspaces; lending is for who may decide, and for admins."""
    place = authority.home_of(person(request))
    form = _form(request, place)
    if request.method == "POST":
        if form is None or place is None:
            raise NotPermitted(Permission.APPROVE)
        if form.is_valid():
            try:
                toast(request, _lend(request, place, form.cleaned_data))
            except Refused as refused:
                form.add_error(None, f"{str(refused)[:1].upper()}{str(refused)[1:]}.")
            else:
                return redirect(request, "remediation:delegations")
    context: dict[str, Any] = {
        "rows": authority.delegations_in(workspaces_of(request.user), person(request)),
        "form": form,
        "place": place,
        "now": clock.now(),
    }
    status = 422 if form is not None and form.is_bound else 200
    return render(request, "remediation/delegations.html", context, status=status)


def _lend(request: HttpRequest, place: Workspace, data: dict[str, Any]) -> str:
    ends = datetime.combine(data["until"] + timedelta(days=1), time.min, UTC)
    made = commands.delegate(
        workspace=place,
        delegator=User.objects.get(pk=data["delegator"]),
        to=User.objects.get(pk=data["to"]),
        until=ends,
        reason=data["reason"],
        by=person(request),
    )
    return f"{name_of(made.delegate)} may decide until the end of {data['until']:%d %b}."


@writes
def end_delegation(request: HttpRequest, delegation_id: UUID) -> HttpResponse:
    found = get_object_or_404(
        Delegation.objects.select_related("workspace", "delegate"),
        pk=delegation_id,
        workspace__in=workspaces_of(request.user),
    )
    commands.end(delegation=found, by=person(request))
    toast(request, f"{name_of(found.delegate)} may no longer decide in another's name.")
    return redirect(request, "remediation:delegations")
