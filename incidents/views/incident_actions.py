"""What people do to an incident: each is one POST that calls one command.

A step that asks for something first has a form of its own, which dialogs.js shows in a drawer and
which is a page without it.
"""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import trigger_client_event

from airra.lib.db import Conflict
from airra.lib.htmx import is_htmx, next_url, redirect, toast
from incidents.commands import incident as commands
from incidents.commands import timeline
from incidents.lifecycle import Severity
from incidents.models import Incident
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import may, require, visible_incident, workspaces_of
from incidents.queries.incident_detail import assignable
from incidents.views.forms import AssignForm, NewIncidentForm, NoteForm, ReasonForm
from incidents.views.refusals import answers_refusals, overtaken, person, writes


def _detail(request: HttpRequest, incident: Incident) -> HttpResponse:
    return redirect(request, "incidents:detail", incident.key)


@writes
def acknowledge(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    commands.acknowledge(incident=incident, by=person(request))
    toast(request, f"{incident.key} is yours.")
    return _detail(request, incident)


@writes
def acknowledge_many(request: HttpRequest) -> HttpResponse:
    """The ticked rows of the list. What somebody else took meanwhile is named, not an error."""
    taken: list[str] = []
    missed: list[str] = []
    for key in request.POST.getlist("incident")[:100]:
        incident = visible_incident(request.user, key)
        try:
            commands.acknowledge(incident=incident, by=person(request))
            taken.append(incident.key)
        except Conflict:
            missed.append(incident.key)
    if taken:
        toast(request, f"Acknowledged {', '.join(taken)}.")
    if missed:
        toast(request, f"Somebody was faster on {', '.join(missed)}.", is_good=False)
    if not taken and not missed:
        toast(request, "Tick at least one incident first.", is_good=False)
    return redirect(request, next_url(request, "incidents:list"))


@writes
def close(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    commands.close(incident=incident, by=person(request))
    toast(request, f"{incident.key} is closed.")
    return _detail(request, incident)


def _step(request: HttpRequest, incident: Incident, form: forms.Form, **words: Any) -> HttpResponse:
    """The form of a step as a page; 422 when it came back with errors."""
    status = 422 if form.is_bound else 200
    context = {"incident": incident, "form": form, **words}
    return render(request, "incidents/step.html", context, status=status)


def _reason_form(request: HttpRequest, label: str, hint: str) -> ReasonForm:
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["reason"].label = label
    form.fields["reason"].help_text = hint
    return form


@answers_refusals
def resolve(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    form = _reason_form(request, "What ended it", "Goes to the timeline and the audit log.")
    if request.method == "POST" and form.is_valid():
        commands.resolve(
            incident=incident, resolution=form.cleaned_data["reason"], by=person(request)
        )
        toast(request, f"{incident.key} is resolved.")
        return _detail(request, incident)
    return _step(request, incident, form, heading="Resolve", button="Resolve", icon="circle-check")


@answers_refusals
def reopen(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    form = _reason_form(request, "Why it is not over", "Goes to the timeline and the audit log.")
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            commands.reopen(incident=incident, reason=reason, by=person(request))
        except ValueError as error:
            return overtaken(request, f"{error}.")
        toast(request, f"{incident.key} is open again.")
        return _detail(request, incident)
    return _step(request, incident, form, heading="Reopen", button="Reopen", icon="rotate-ccw")


@answers_refusals
def assign(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    people = assignable(incident)
    form = AssignForm(
        request.POST if request.method == "POST" else None,
        people=people,
        initial={"owner": incident.owner_id or request.user.pk},
    )
    if request.method == "POST" and form.is_valid():
        owner = form.cleaned_data["owner"]
        commands.assign(incident=incident, owner=owner, by=person(request))
        name = timeline.display_name(owner) if owner else "nobody"
        toast(request, f"{incident.key} belongs to {name} now.")
        return _detail(request, incident)
    return _step(request, incident, form, heading="Assign", button="Assign", icon="user")


@writes
def note(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    form = NoteForm(request.POST)
    if form.is_valid():
        timeline.add_note(incident=incident, text=form.cleaned_data["text"], by=person(request))
        if not is_htmx(request):
            toast(request, "Note added.")
            return redirect(request, f"{reverse('incidents:detail', args=[key])}#timeline")
        fresh = {"incident": incident, "note_form": NoteForm()}
        answer = render(request, "incidents/note_form.html", fresh)
        return trigger_client_event(answer, "incident-changed")
    context = {"incident": incident, "note_form": form}
    if is_htmx(request):
        return render(request, "incidents/note_form.html", context, status=422)
    return render(request, "incidents/note.html", context, status=422)


@answers_refusals
def new(request: HttpRequest) -> HttpResponse:
    """A person reports an incident: the same door as a detector's, with another grouping key."""
    places = [
        workspace
        for workspace in workspaces_of(request.user).order_by("name")
        if may(request.user, Permission.RESPOND, workspace)
    ]
    if not places:
        raise NotPermitted(Permission.RESPOND)
    form = NewIncidentForm(request.POST if request.method == "POST" else None, workspaces=places)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        incident, is_new = commands.open_or_join(
            workspace=data["workspace"],
            title=data["title"],
            description=data["description"],
            severity=Severity(data["severity"]),
            service=data["service"],
            source=Incident.Source.MANUAL,
            grouping_key=commands.reported_key(data["title"], str(data["service"] or "")),
            by=person(request),
        )
        toast(
            request, f"{incident.key} is open." if is_new else f"{incident.key} was open already."
        )
        return _detail(request, incident)
    status = 422 if form.is_bound else 200
    return render(request, "incidents/new.html", {"form": form}, status=status)
