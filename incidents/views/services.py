"""The service list, and what people correct on the calls between services.

A service's own page spans the apps and is composed in `airra.pages`. Each correction is one POST
that calls one command; one that asks for something first has a form, shown in a drawer.
"""

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from airra.lib.htmx import redirect, toast
from airra.lib.ui_tags import service_url
from incidents.commands import service as commands
from incidents.models import Service, ServiceDependency
from incidents.permissions import Permission
from incidents.queries import services as queries
from incidents.queries.access import require
from incidents.views.forms import DependencyForm, ReasonForm
from incidents.views.refusals import answers_refusals, person, writes


def services(request: HttpRequest) -> HttpResponse:
    return render(request, "incidents/services.html", {"rows": queries.rows(request.user)})


@answers_refusals
def add_edge(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """A person adds a call that no source shows."""
    service = queries.visible_service_by_id(request.user, service_id)
    require(request.user, Permission.ADMINISTER, service.workspace)
    form = DependencyForm(request.POST if request.method == "POST" else None, service=service)
    if request.method == "POST" and form.is_valid():
        other: Service = form.cleaned_data["other"]
        ends = (service, other)
        if form.cleaned_data["way"] == DependencyForm.Way.CALLED_BY:
            ends = (other, service)
        edge = commands.say(
            caller=ends[0], callee=ends[1], reason=form.cleaned_data["reason"], by=person(request)
        )
        toast(request, f"Added: {edge}.")
        return redirect(request, service_url(service.name))
    return _step(request, service.name, form, f"Add a call of {service}", "Add the call", "plus")


@answers_refusals
def hide_edge(request: HttpRequest, edge_id: int) -> HttpResponse:
    edge = queries.visible_edge(request.user, edge_id)
    require(request.user, Permission.ADMINISTER, edge.caller.workspace)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    form.fields["reason"].label = "Why it is wrong"
    form.fields["reason"].help_text = "It stays hidden when a source shows it again."
    if request.method == "POST" and form.is_valid():
        commands.hide(edge=edge, reason=form.cleaned_data["reason"], by=person(request))
        toast(request, f"Hidden: {edge}.")
        return _back(request, edge)
    return _step(request, _at(request, edge), form, f"Hide “{edge}”", "Hide the call", "x")


@writes
def show_edge(request: HttpRequest, edge_id: int) -> HttpResponse:
    edge = queries.visible_edge(request.user, edge_id)
    commands.show(edge=edge, by=person(request))
    toast(request, f"Shown again: {edge}.")
    return _back(request, edge)


@writes
def unsay_edge(request: HttpRequest, edge_id: int) -> HttpResponse:
    edge = queries.visible_edge(request.user, edge_id)
    words, back = str(edge), _back(request, edge)
    commands.unsay(edge=edge, by=person(request))
    toast(request, f"No longer added by hand: {words}.")
    return back


def _at(request: HttpRequest, edge: ServiceDependency) -> str:
    """The service on whose page this was asked for, the caller if that is not told."""
    asked = request.POST.get("at") or request.GET.get("at")
    return asked if asked in {edge.caller.name, edge.callee.name} else edge.caller.name


def _back(request: HttpRequest, edge: ServiceDependency) -> HttpResponse:
    return redirect(request, service_url(_at(request, edge)))


def _step(
    request: HttpRequest, name: str, form: forms.Form, heading: str, button: str, icon: str
) -> HttpResponse:
    context = {
        "service": name,
        "form": form,
        "action": request.get_full_path(),
        "heading": heading,
        "button": button,
        "icon": icon,
    }
    status = 422 if form.is_bound else 200
    return render(request, "incidents/service_step.html", context, status=status)
