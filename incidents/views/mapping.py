"""The mapping editor: look at what it would make of the last payloads, then save it."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from airra.lib.htmx import is_htmx, redirect, render_partial, toast
from incidents.commands import integration as commands
from incidents.ingest.formats.registry import FORMATS
from incidents.queries import deliveries, mappings
from incidents.views.integration_changes import administered
from incidents.views.mapping_form import MappingForm
from incidents.views.refusals import answers_refusals, person


@answers_refusals
def mapping(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Two buttons: look, and save. Only what was looked at is saved."""
    found = administered(request, integration_id)
    if found.kind not in FORMATS or not FORMATS[found.kind].is_mapped:
        raise Http404
    form = MappingForm(request.POST if request.method == "POST" else None, mapping=found.mapping)
    if form.is_bound and not form.is_valid():
        return _page(request, {"integration": found, "form": form}, status=422)
    wanted = form.mapping() if form.is_bound else found.mapping
    has_looked = request.POST.get("looked_at") == mappings.digest_of(wanted)
    is_saving = "save" in request.POST
    if is_saving and has_looked:
        commands.change(integration=found, by=person(request), mapping=wanted)
        left = deliveries.refused(found)
        more = " Read again what was refused, if it would be read now." if left else ""
        toast(request, f"Saved the mapping of {found.name}.{more}")
        return redirect(request, "incidents:integration", found.pk)
    context = {
        "integration": found,
        "form": form,
        "preview": mappings.preview(found, wanted),
        "must_look": is_saving,
    }
    return _page(request, context, status=422 if is_saving else 200)


def _page(request: HttpRequest, context: dict[str, object], *, status: int) -> HttpResponse:
    if is_htmx(request):
        return render_partial(request, "incidents/mapping.html", "editor", context, status=status)
    return render(request, "incidents/mapping.html", context, status=status)
