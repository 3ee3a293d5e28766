"""The models that are asked: their chain, budgets, and what was spent. For admins."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.htmx import redirect, toast
from analysis.commands import model_provider as commands
from analysis.commands import model_trial
from analysis.models import ModelProvider
from analysis.queries.model_settings import settings_of
from analysis.types.known_models import KNOWN_MODELS
from analysis.views.model_forms import ProviderForm
from incidents.models import Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import require, workspaces_of
from incidents.queries.shell import administered
from incidents.views.refusals import answers_refusals, person, writes


def _places(request: HttpRequest) -> list[Workspace]:
    places = list(administered(request.user).order_by("name"))
    if not places:
        raise NotPermitted(Permission.ADMINISTER)
    return places


@answers_refusals
def models(request: HttpRequest) -> HttpResponse:
    """One section a workspace: a team that has one never meets the word."""
    places = _places(request)
    context = {
        "places": [(place, settings_of(place)) for place in places],
        "has_many": len(places) > 1,
    }
    return render(request, "analysis/models.html", context)


@answers_refusals
def add(request: HttpRequest) -> HttpResponse:
    return _edit(request, None)


@answers_refusals
def edit(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    return _edit(request, _provider(request, provider_id))


@writes
def remove(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    provider = _provider(request, provider_id)
    commands.remove(provider=provider, by=person(request))
    toast(request, f"Removed {provider.name}.")
    return redirect(request, "analysis:models")


@writes
def try_out(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    provider = _provider(request, provider_id)
    problem = model_trial.try_out(provider=provider, by=person(request))
    words = f"{provider.name} cannot be asked: {problem}" if problem else "It answers."
    toast(request, words)
    return redirect(request, "analysis:models")


def _provider(request: HttpRequest, provider_id: UUID) -> ModelProvider:
    found = ModelProvider.objects.select_related("workspace")
    provider = get_object_or_404(found, pk=provider_id, workspace__in=workspaces_of(request.user))
    require(request.user, Permission.ADMINISTER, provider.workspace)
    return provider


def _edit(request: HttpRequest, provider: ModelProvider | None) -> HttpResponse:
    form = ProviderForm(
        request.POST if request.method == "POST" else None,
        workspaces=_places(request),
        instance=provider,
    )
    status = 200
    if request.method == "POST":
        if form.is_valid() and _is_saved(request, form):
            return redirect(request, "analysis:models")
        status = 422
    context = {"form": form, "provider": provider, "known": KNOWN_MODELS.items()}
    return render(request, "analysis/model_form.html", context, status=status)


def _is_saved(request: HttpRequest, form: ProviderForm) -> bool:
    try:
        saved = commands.save(provider=form.save(commit=False), by=person(request))
    except commands.NameTaken as error:
        form.add_error("name", f"{str(error).capitalize()}: choose another name.")
        return False
    toast(request, f"Saved {saved.name}.")
    return True
