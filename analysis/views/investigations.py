"""One investigation on a page of its own, and what people may say to it while it runs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import trigger_client_event

from airra.lib.db import Conflict
from airra.lib.htmx import is_htmx, redirect, toast
from analysis.commands import investigation as commands
from analysis.models import Investigation
from analysis.queries import course, evidence, hypotheses, investigations
from analysis.types import Mechanism
from analysis.views.forms import HypothesisForm, SteerForm
from incidents.models import Incident
from incidents.permissions import Permission
from incidents.queries.access import may, require, visible_incident
from incidents.views.refusals import answers_refusals, overtaken, person, writes


def _panel(request: HttpRequest, incident: Incident) -> HttpResponse:
    return redirect(request, f"{reverse('incidents:detail', args=[incident.key])}#hypotheses")


@writes
def investigate(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    try:
        commands.start(incident=incident, by=person(request))
    except commands.CannotInvestigate as error:
        return overtaken(request, str(error))
    toast(request, f"AIRRA looks into {incident.key}.")
    return _panel(request, incident)


def investigation(request: HttpRequest, investigation_id: UUID) -> HttpResponse:
    """One that may have been followed by others: as it was settled, with its whole course."""
    run = investigations.one(request.user, investigation_id)
    context = {
        "incident": run.incident,
        "panel": hypotheses.panel_of([run]),
        "course": course.course_of(run),
        "may_respond": may(request.user, Permission.RESPOND, run.incident.workspace),
    }
    return render(request, "analysis/investigation.html", context)


def evidence_of(request: HttpRequest, investigation_id: UUID, seq: int) -> HttpResponse:
    run = investigations.one(request.user, investigation_id)
    context = {"incident": run.incident, "detail": evidence.evidence_detail(run, seq)}
    return render(request, "analysis/evidence.html", context)


@answers_refusals
def steer(request: HttpRequest, investigation_id: UUID) -> HttpResponse:
    """A note to a running investigation: in place with htmx, else a page and a redirect."""
    run = investigations.one(request.user, investigation_id)
    require(request.user, Permission.RESPOND, run.incident.workspace)
    form = SteerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        commands.steer(investigation=run, text=form.cleaned_data["text"], by=person(request))
        if not is_htmx(request):
            toast(request, "AIRRA takes your note into account.")
            return _panel(request, run.incident)
        answer = _steer_form(request, run, SteerForm())
        return trigger_client_event(answer, "incident-changed")
    return _steer_form(request, run, form)


def _steer_form(request: HttpRequest, run: Investigation, form: SteerForm) -> HttpResponse:
    name = "analysis/steer_form.html" if is_htmx(request) else "analysis/steer.html"
    context = {"incident": run.incident, "investigation": run, "steer_form": form}
    return render(request, name, context, status=422 if form.is_bound else 200)


@writes
def cancel(request: HttpRequest, investigation_id: UUID) -> HttpResponse:
    run = investigations.one(request.user, investigation_id)
    done = commands.cancel(investigation=run, by=person(request))
    is_over = done.state == Investigation.State.CANCELLED
    toast(request, "Cancelled." if is_over else "It stops before its next step.")
    return _panel(request, run.incident)


@answers_refusals
def suggest(request: HttpRequest, key: str) -> HttpResponse:
    """A hypothesis of a person's own, for the investigation that runs or for a new one."""
    incident = visible_incident(request.user, key)
    require(request.user, Permission.RESPOND, incident.workspace)
    posted = request.POST if request.method == "POST" else None
    form = HypothesisForm(posted, workspace=incident.workspace, service=incident.service)
    if request.method == "POST" and form.is_valid():
        data: dict[str, Any] = form.cleaned_data
        try:
            commands.suggest(
                incident=incident,
                entity=data["service"].name,
                mechanism=Mechanism(data["mechanism"]),
                statement=data["statement"],
                by=person(request),
            )
        except commands.CannotInvestigate as error:
            return overtaken(request, str(error))
        except Conflict:
            return overtaken(request, "The investigation has just ended: put it forward again.")
        toast(request, "AIRRA puts it to the test.")
        return _panel(request, incident)
    context = {"incident": incident, "form": form}
    return render(request, "analysis/suggest.html", context, status=422 if form.is_bound else 200)
