"""What people say about grouping: move an alert, split it off, merge incidents, take that back."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from airra.lib.htmx import redirect, toast
from incidents.commands import incident as incidents
from incidents.commands import merging, regroup
from incidents.commands.flapping import home_of
from incidents.commands.merging import NotMerged
from incidents.commands.regroup import CannotMove
from incidents.models import Alert, Incident
from incidents.permissions import Permission
from incidents.queries import alerts as alert_queries
from incidents.queries import placements
from incidents.queries.access import may, require, visible_incident
from incidents.views.forms import ReasonForm
from incidents.views.refusals import answers_refusals, overtaken, person


class OtherIncident(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, obj: Incident) -> str:
        return f"{obj.key} {obj.title}"[:110]


class MoveForm(forms.Form):
    """Where to: a live incident, or one of its own when none is chosen."""

    reason = forms.CharField(
        required=False,
        max_length=200,
        label="Why",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="AIRRA learns from it: alerts of these kinds are put together, or kept apart.",
    )

    def __init__(self, data: QueryDict | None, *, alert: Alert) -> None:
        super().__init__(data)
        self.fields["to"] = OtherIncident(
            placements.others(alert.workspace, besides=home_of(alert)),
            required=False,
            label="Move it to",
            empty_label="A new incident of its own",
            help_text="Live incidents, the newest first.",
        )
        self.order_fields(["to", "reason"])


class MergeForm(forms.Form):
    reason = forms.CharField(
        required=False, max_length=200, label="Why", widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, data: QueryDict | None, *, incident: Incident) -> None:
        super().__init__(data)
        self.fields["into"] = OtherIncident(
            placements.others(incident.workspace, besides=incident),
            label="Make it part of",
            empty_label="Choose an incident",
        )
        self.order_fields(["into", "reason"])


def alerts(request: HttpRequest, key: str) -> HttpResponse:
    """Every alert of an incident and why it is here."""
    incident = visible_incident(request.user, key)
    context = {
        "incident": incident,
        "alerts": placements.of(incident, limit=placements.ON_ITS_OWN_PAGE),
        "may_respond": may(request.user, Permission.RESPOND, incident.workspace),
    }
    return render(request, "incidents/regroup_alerts.html", context)


@answers_refusals
def move(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    alert = alert_queries.visible_alert(request.user, alert_id)
    require(request.user, Permission.RESPOND, alert.workspace)
    form = MoveForm(request.POST if request.method == "POST" else None, alert=alert)
    if request.method == "POST" and form.is_valid():
        to, reason = form.cleaned_data["to"], form.cleaned_data["reason"]
        try:
            if to is None:
                to = regroup.split(alert=alert, by=person(request), reason=reason)
            else:
                regroup.move(alert=alert, to=to, by=person(request), reason=reason)
        except CannotMove as error:
            form.add_error("to", _sentence(error))
        else:
            toast(request, f"“{alert.title}” is in {to.key} now.")
            return redirect(request, "incidents:detail", to.key)
    status = 422 if form.is_bound else 200
    home = home_of(alert)
    where = f"in {home.key}, {home.title}" if home else "in no incident"
    context = {"alert": alert, "form": form, "note": f"{alert.title} is {where}."}
    return render(request, "incidents/regroup_move.html", context, status=status)


@answers_refusals
def merge(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    form = MergeForm(request.POST if request.method == "POST" else None, incident=incident)
    if request.method == "POST" and form.is_valid():
        into, reason = form.cleaned_data["into"], form.cleaned_data["reason"]
        try:
            incidents.merge(incident=incident, into=into, by=person(request), reason=reason)
        except ValueError as error:
            return overtaken(request, _sentence(error))
        toast(request, f"{incident.key} is part of {into.key} now.")
        return redirect(request, "incidents:detail", into.key)
    return _step(request, incident, form, heading="Merge", icon="layers")


@answers_refusals
def unmerge(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["reason"].label = "Why it is a matter of its own"
    form.fields["reason"].help_text = "Goes to both timelines and the audit log."
    if request.method == "POST" and form.is_valid():
        try:
            merging.unmerge(
                incident=incident, by=person(request), reason=form.cleaned_data["reason"]
            )
        except NotMerged as error:
            return overtaken(request, _sentence(error))
        toast(request, f"{incident.key} stands by itself again.")
        return redirect(request, "incidents:detail", incident.key)
    return _step(request, incident, form, heading="Unmerge", icon="undo-2")


def _step(
    request: HttpRequest, incident: Incident, form: forms.Form, *, heading: str, icon: str
) -> HttpResponse:
    context: dict[str, Any] = {
        "incident": incident, "form": form, "heading": heading, "button": heading, "icon": icon,
    }  # fmt: skip
    status = 422 if form.is_bound else 200
    return render(request, "incidents/step.html", context, status=status)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
