"""Saving and removing a view of the incident list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.htmx import redirect, toast
from incidents.commands import saved_view
from incidents.models import SavedView
from incidents.queries.access import workspaces_of
from incidents.queries.incident_list import Filters
from incidents.views.forms import SaveViewForm
from incidents.views.refusals import answers_refusals, person, writes


@answers_refusals
def save(request: HttpRequest) -> HttpResponse:
    """Give the present filter a name; the query string is the view."""
    query = Filters.parse(request.GET).as_query()
    form = SaveViewForm(
        request.POST if request.method == "POST" else None, initial={"query": query}
    )
    if request.method == "POST" and form.is_valid():
        workspace = workspaces_of(request.user).order_by("name").first()
        if workspace is not None:
            view = saved_view.save(
                workspace=workspace,
                name=form.cleaned_data["name"],
                query=form.cleaned_data["query"],
                by=person(request),
            )
            toast(request, f"Saved the view {view.name}.")
        return redirect(request, "incidents:list")
    status = 422 if form.is_bound else 200
    return render(request, "incidents/save_view.html", {"form": form}, status=status)


@writes
def delete(request: HttpRequest, view_id: str) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=view_id, owner=person(request))
    saved_view.delete(view=view, by=person(request))
    toast(request, f"Removed the view {view.name}.")
    return redirect(request, "incidents:list")
