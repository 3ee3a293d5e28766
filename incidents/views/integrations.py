"""Integrations: who delivers, how each is set up, and what it is allowed."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from incidents.commands import integration as commands
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.guides import GUIDES
from incidents.ingest.samples import TESTABLE
from incidents.models import Integration, Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries import deliveries
from incidents.queries import integrations as queries
from incidents.queries.access import permissions_of
from incidents.queries.shell import administered
from incidents.views.integration_forms import IntegrationForm
from incidents.views.refusals import answers_refusals, person


def integrations(request: HttpRequest) -> HttpResponse:
    context = {
        "rows": queries.rows(request.user),
        "may_add": administered(request.user).exists(),
    }
    return render(request, "incidents/integrations.html", context)


def integration(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    found = queries.visible_integration(request.user, integration_id)
    context = {
        "row": queries.row(found),
        "integration": found,
        "how": queries.instructions(found),
        "secrets": queries.secrets(found),
        "deliveries": deliveries.latest(found),
        "changes": queries.changes(found),
        "refused": deliveries.refused(found),
        **_rights(request, found),
    }
    return render(request, "incidents/integration.html", context)


def _rights(request: HttpRequest, found: Integration) -> dict[str, bool]:
    held = permissions_of(request.user, found.workspace)
    return {
        "may_edit": Permission.ADMINISTER in held,
        "may_replay": Permission.RESPOND in held,
        "may_test": Permission.RESPOND in held and found.is_active and found.kind in TESTABLE,
        "has_token": found.kind not in commands.WITHOUT_TOKEN,
        "has_key": found.kind in commands.SIGNABLE,
        "has_mapping": found.kind in FORMATS and FORMATS[found.kind].is_mapped,
    }


def _places(request: HttpRequest) -> list[Workspace]:
    places = list(administered(request.user).order_by("name"))
    if not places:
        raise NotPermitted(Permission.ADMINISTER)
    return places


@never_cache
@answers_refusals
def add(request: HttpRequest) -> HttpResponse:
    """Which sender, then its settings. The answer shows the secret, and no later page does."""
    places = _places(request)
    kind = request.GET.get("kind", "")
    if kind not in GUIDES:
        status = 422 if request.method == "POST" else 200
        kinds = {"guides": GUIDES}
        return render(request, "incidents/integration_kinds.html", kinds, status=status)
    posted = request.POST if request.method == "POST" else None
    form = IntegrationForm(posted, kind=kind, workspaces=places)
    if posted is not None and form.is_valid():
        made = _made(request, form, kind)
        if made is not None:
            return made
    status = 422 if form.is_bound else 200
    context = {"form": form, "guide": GUIDES[kind]}
    return render(request, "incidents/integration_form.html", context, status=status)


def _made(request: HttpRequest, form: IntegrationForm, kind: str) -> HttpResponse | None:
    """The page with the address and the secret; None when a setting cannot be used."""
    try:
        made, secret = commands.set_up(
            workspace=form.cleaned_data["workspace"],
            name=form.cleaned_data["name"],
            kind=kind,
            by=person(request),
            **form.settings(),
        )
    except commands.BadSetting as error:
        form.refuse(error)
        return None
    return shown_once(request, made, secret, heading=f"{made.name} is ready")


def shown_once(
    request: HttpRequest,
    integration: Integration,
    secret: str,
    *,
    heading: str,
    is_key: bool = False,
) -> HttpResponse:
    """The one page that shows a secret, beside how it is used."""
    how = queries.instructions(integration, secret=secret, is_key=is_key)
    context = {"integration": integration, "how": how, "heading": heading}
    return render(request, "incidents/integration_ready.html", context)
