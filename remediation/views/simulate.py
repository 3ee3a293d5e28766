"""The policy simulator: other rules over what policy was asked. A thought; nothing is saved."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from incidents.models import Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import AnyUser, may, workspaces_of
from incidents.views.refusals import answers_refusals
from remediation.commands.limits import rules_of_policy
from remediation.decision.rules import COLUMNS, Rules, loosenings
from remediation.models import Policy
from remediation.queries.simulation import simulate as ask
from remediation.types import Decision, RiskBand
from remediation.views.policy_forms import COLUMN_NAMES, SimulationForm, cell, initial_of

SHOWN = 200
DAYS = 30


def _place(request: HttpRequest) -> Workspace:
    """The workspace asked about, of those whose plans this user decides on."""
    places = [p for p in workspaces_of(request.user).order_by("name") if _may(request.user, p)]
    if not places:
        raise NotPermitted(Permission.APPROVE)
    wanted = request.GET.get("workspace", "")
    return next((place for place in places if place.slug == wanted), places[0])


def _may(user: AnyUser, place: Workspace) -> bool:
    return may(user, Permission.APPROVE, place)


@answers_refusals
def simulate(request: HttpRequest) -> HttpResponse:
    """By GET alone, so that a thought can be sent to somebody else as a link."""
    place = _place(request)
    policy = Policy.objects.filter(workspace=place).first() or Policy(workspace=place)
    present = rules_of_policy(policy)
    initial = {**initial_of(present), "days": DAYS}
    is_asked = "days" in request.GET
    form = SimulationForm(request.GET if is_asked else None, initial=initial)
    if is_asked and not form.is_valid():
        return _page(request, form, present, place, {}, status=422)
    rules: Rules = form.cleaned_data["rules"] if is_asked else present
    days: int = form.cleaned_data["days"] if is_asked else DAYS
    found = ask(place, rules, days=days)
    rows = [row for row in found.rows if not request.GET.get("changed") or row.change != "same"]
    told = {
        "simulation": found,
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "loosenings": loosenings(present, rules),
        "is_present": rules == present,
    }
    return _page(request, form, present, place, told)


def _page(
    request: HttpRequest,
    form: SimulationForm,
    present: Rules,
    place: Workspace,
    told: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    matrix = [
        (band, [(form[cell(band, i)], present.matrix[band][i]) for i in range(len(COLUMNS))])
        for band in RiskBand
    ]
    context = {
        "form": form,
        "matrix": matrix,
        "columns": COLUMN_NAMES,
        "decisions": list(Decision),
        "place": place,
        **told,
    }
    return render(request, "remediation/simulate.html", context, status=status)
