"""What an admin changes about an integration.

A secret stands in the answer that made it and nowhere else, and those answers are not cached.
"""

from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from airra.lib.htmx import redirect, toast
from airra.lib.quantities import count
from incidents.commands import integration as commands
from incidents.commands.replaying import replay_all_refused
from incidents.commands.setting_aside import set_aside_refused
from incidents.ingest.guides import GUIDES, Proof
from incidents.models import Integration
from incidents.permissions import Permission
from incidents.queries import integrations as queries
from incidents.queries.access import require
from incidents.views.integration_forms import IntegrationForm, KeyForm, TokenForm
from incidents.views.integrations import shown_once
from incidents.views.refusals import answers_refusals, person, writes

CHANGED = ("name", "topics", "heartbeat_min", "rate_per_min", "max_body_kib")


def administered(request: HttpRequest, integration_id: UUID) -> Integration:
    """The integration, if this user may change it."""
    found = queries.visible_integration(request.user, integration_id)
    require(request.user, Permission.ADMINISTER, found.workspace)
    return found


@answers_refusals
def change(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    found = administered(request, integration_id)
    form = IntegrationForm(
        request.POST if request.method == "POST" else None,
        kind=found.kind,
        initial={name: getattr(found, name) for name in CHANGED},
    )
    if request.method == "POST" and form.is_valid():
        try:
            name = form.cleaned_data["name"]
            commands.change(integration=found, by=person(request), name=name, **form.settings())
        except commands.BadSetting as error:
            form.refuse(error)
        else:
            toast(request, f"Saved {found.name}.")
            return redirect(request, "incidents:integration", found.pk)
    context = {"form": form, "integration": found}
    status = 422 if form.is_bound else 200
    return render(request, "incidents/integration_form.html", context, status=status)


@writes
def switch(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Pause it, or let it in again: `to` says which."""
    found = administered(request, integration_id)
    is_active = request.POST.get("to") == "on"
    commands.change(integration=found, by=person(request), is_active=is_active)
    toast(request, f"{found.name} delivers again." if is_active else f"{found.name} is paused.")
    return redirect(request, "incidents:integration", found.pk)


@never_cache
@answers_refusals
def new_token(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    found = administered(request, integration_id)
    if found.kind in commands.WITHOUT_TOKEN:
        raise Http404
    form = TokenForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        hours = form.cleaned_data["overlap_h"]
        text = commands.rotate_token(integration=found, by=person(request), overlap_h=hours)
        return shown_once(request, found, text, heading=f"New token of {found.name}")
    return _step(request, found, form, "Make a new token", "Make the token", "key-round")


@never_cache
@answers_refusals
def new_key(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """The key that signs: brought from the sender, or made here and shown once."""
    found = administered(request, integration_id)
    if found.kind not in commands.SIGNABLE:
        raise Http404
    is_theirs = GUIDES[found.kind].proof is Proof.THEIR_KEY
    form = KeyForm(request.POST if request.method == "POST" else None, is_theirs=is_theirs)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data["key"]
        try:
            text = commands.set_signing_key(
                integration=found,
                by=person(request),
                key=given,
                overlap_h=form.cleaned_data["overlap_h"],
            )
        except commands.BadSetting as error:
            form.refuse(error)
        else:
            if not given:
                heading = f"New key of {found.name}"
                return shown_once(request, found, text, heading=heading, is_key=True)
            toast(request, "From now on signatures are checked with this key.")
            return redirect(request, "incidents:integration", found.pk)
    note = "From then on a delivery that is not signed is not trusted."
    return _step(request, found, form, "Set the signing key", "Set the key", "key-round", note=note)


@answers_refusals
def revoke(request: HttpRequest, secret_id: int) -> HttpResponse:
    """After a look at what it means: one more click."""
    secret = queries.visible_secret(request.user, secret_id)
    found = secret.integration
    require(request.user, Permission.ADMINISTER, found.workspace)
    if request.method == "POST":
        commands.revoke_secret(secret=secret, by=person(request))
        toast(request, "Revoked. What is proven with it is refused from now on.")
        return redirect(request, "incidents:integration", found.pk)
    used = "It has been used." if secret.last_used_at else "It was never used."
    note = f"What {found.name} proves with it is refused from this moment on. {used}"
    if queries.frees_the_token(secret):
        note += " It is the last key: from then on the token is enough again, without a signature."
    what = f"Revoke {secret.prefix}…" if secret.prefix else "Revoke the signing key"
    return _step(request, found, forms.Form(), what, "Revoke it", "x", note=note)


@writes
def replay_refused(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Read every refused delivery again, with the mapping of today."""
    found = queries.visible_integration(request.user, integration_id)
    require(request.user, Permission.RESPOND, found.workspace)
    done = replay_all_refused(integration=found, by=person(request))
    if done.read:
        toast(request, f"Read {count(done.read, 'delivery', 'deliveries')} again.")
    if done.refused:
        toast(
            request,
            f"{count(done.refused, 'delivery', 'deliveries')} refused again.",
            is_good=False,
        )
    if not done.read and not done.refused:
        toast(request, "None is refused any more.")
    here = f"{reverse('incidents:deliveries')}?integration={found.pk}"
    return redirect(request, here)


@writes
def set_refused_aside(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """What nobody will ever be able to read asks nobody any more."""
    found = queries.visible_integration(request.user, integration_id)
    done = set_aside_refused(integration=found, by=person(request))
    told = f"Set aside: {count(done, 'delivery', 'deliveries')}, still listed under that word."
    toast(request, told if done else "None asks to be read any more.")
    return redirect(request, "incidents:integration", found.pk)


def _step(
    request: HttpRequest,
    integration: Integration,
    form: forms.Form,
    heading: str,
    button: str,
    icon: str,
    *,
    note: str = "",
) -> HttpResponse:
    context = {
        "integration": integration,
        "form": form,
        "heading": heading,
        "button": button,
        "icon": icon,
        "note": note,
    }
    status = 422 if form.is_bound else 200
    return render(request, "incidents/integration_step.html", context, status=status)
