"""The sources: whether they answer, how to connect them, and a test that really asks."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from airra.lib.htmx import is_htmx, redirect, render_partial, toast
from airra.lib.quantities import count
from analysis.commands import connector as commands
from analysis.commands import presets, pushed
from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.queries import connectors as queries
from analysis.queries.source_kinds import KINDS
from analysis.views.source_forms import SourceForm
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import may, require
from incidents.queries.shell import administered
from incidents.views.refusals import answers_refusals, person, writes


def sources(request: HttpRequest) -> HttpResponse:
    context = {
        "rows": queries.rows(request.user),
        "may_add": administered(request.user).exists(),
    }
    return render(request, "analysis/sources.html", context)


def _page(request: HttpRequest, row: queries.SourceRow, **more: object) -> dict[str, object]:
    connector = row.connector
    place = connector.workspace
    is_pushed = row.kind.is_pushed
    push = request.build_absolute_uri(queries.push_path(connector)) if is_pushed else ""
    return {
        "row": row,
        "source": connector,
        "steps": row.kind.steps.replace("{push}", push),
        "push": push,
        "detectors": queries.dependants(connector),
        "may_test": may(request.user, Permission.RESPOND, place),
        "may_edit": may(request.user, Permission.ADMINISTER, place),
        **more,
    }


def source(request: HttpRequest, source_id: UUID) -> HttpResponse:
    return render(
        request, "analysis/source.html", _page(request, queries.row(request.user, source_id))
    )


@writes
def test(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Ask it now. It takes as long as the source's time-out allows, and no longer."""
    row = queries.row(request.user, source_id)
    trial = commands.test(connector=row.connector, by=person(request))
    context = _page(request, row, trial=trial)
    if is_htmx(request):
        return render_partial(request, "analysis/source.html", "state", context)
    return render(request, "analysis/source.html", context)


@writes
def add_detectors(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Ask the source what it has, and add the presets that fit."""
    connector = queries.row(request.user, source_id).connector
    require(request.user, Permission.ADMINISTER, connector.workspace)
    try:
        new = presets.install(connector=connector, by=person(request))
    except ConnectorError as error:
        toast(request, f"Nothing added: {error}", is_good=False)
    else:
        toast(request, f"Added {count(new, 'detector')}." if new else "It has all that fit.")
    return redirect(request, "analysis:source", connector.pk)


@answers_refusals
def add(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@answers_refusals
def edit(request: HttpRequest, source_id: UUID) -> HttpResponse:
    connector = queries.row(request.user, source_id).connector
    require(request.user, Permission.ADMINISTER, connector.workspace)
    return _edit(request, connector)


def _edit(request: HttpRequest, connector: Connector | None) -> HttpResponse:
    """One form for both. Its second button only tries the settings, and stores nothing."""
    places = list(administered(request.user).order_by("name"))
    if not places:
        raise NotPermitted(Permission.ADMINISTER)
    form = SourceForm(
        request.POST if request.method == "POST" else None, workspaces=places, instance=connector
    )
    kinds = [(Connector.Kind(kind).label, facts) for kind, facts in KINDS.items()]
    context: dict[str, object] = {"form": form, "source": connector, "kinds": kinds}
    status = 200
    if request.method == "POST":
        if form.is_valid() and "try" in request.POST:
            context["trial"] = commands.try_out(form.save(commit=False))
        elif form.is_valid() and _is_saved(request, form):
            return redirect(request, "analysis:source", form.instance.pk)
        else:
            status = 422
    return render(request, "analysis/source_form.html", context, status=status)


def _is_saved(request: HttpRequest, form: SourceForm) -> bool:
    is_new = form.instance._state.adding
    try:
        saved = commands.save(connector=form.save(commit=False), by=person(request))
    except commands.NameTaken as error:
        form.add_error("name", f"{str(error).capitalize()}: choose another name.")
        return False
    if is_new and KINDS[saved.kind].is_pushed:
        token = pushed.connect(connector=saved, by=person(request))
        toast(request, f"Token of {saved.name}: {token} . Copy it now: it is not shown again.")
        return True
    toast(request, f"Saved {saved.name}. Test it, so that you know that it answers.")
    return True
