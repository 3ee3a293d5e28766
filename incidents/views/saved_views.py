"""Saving and removing a view of a list."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from airra.lib.htmx import redirect, toast
from incidents.commands import saved_view
from incidents.models import SavedView
from incidents.queries.access import workspaces_of
from incidents.queries.saved_views import query_of
from incidents.views.forms import SaveViewForm
from incidents.views.refusals import answers_refusals, person, writes

Page = SavedView.Page
LISTS = {Page.INCIDENTS: "incidents:list", Page.ALERTS: "incidents:alerts"}


@answers_refusals
def save(request: HttpRequest, page: Page) -> HttpResponse:
    """Give the present filter a name; the query string is the view."""
    form = SaveViewForm(
        request.POST if request.method == "POST" else None,
        initial={"query": query_of(page, request.GET)},
    )
    if request.method == "POST" and form.is_valid():
        workspace = workspaces_of(request.user).order_by("name").first()
        if workspace is not None:
            view = saved_view.save(
                workspace=workspace,
                page=page,
                name=form.cleaned_data["name"],
                query=query_of(page, QueryDict(form.cleaned_data["query"])),
                by=person(request),
            )
            toast(request, f"Saved the view {view.name}.")
        return redirect(request, LISTS[page])
    status = 422 if form.is_bound else 200
    context = {"form": form, "back": reverse(LISTS[page]), "list_name": page.label}
    return render(request, "incidents/save_view.html", context, status=status)


@writes
def delete(request: HttpRequest, view_id: str) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=view_id, owner=person(request))
    saved_view.delete(view=view, by=person(request))
    toast(request, f"Removed the view {view.name}.")
    return redirect(request, LISTS[Page(view.page)])
