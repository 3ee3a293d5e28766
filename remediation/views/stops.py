"""Stopping AIRRA: one page, one sentence, one click; and letting it go on, with a reason."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.db import Conflict
from airra.lib.htmx import redirect, toast
from incidents.models import Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import AnyUser, may, workspaces_of
from incidents.views.refusals import answers_refusals, overtaken, person, writes
from remediation.commands import stops as commands
from remediation.commands.refusal import Refused
from remediation.queries import stops

_EVERYWHERE = "*|all|"


class StopForm(forms.Form):
    """Why, and what. The first choice is everything: the right one at three in the morning."""

    reason = forms.CharField(
        max_length=300,
        label="Why",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="A few words for whoever looks next.",
    )
    what = forms.ChoiceField(label="What")

    def __init__(self, data: Any = None, *, choices: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.fields["what"] = forms.ChoiceField(label="What", choices=choices)


def _places(user: AnyUser, permission: Permission) -> list[Workspace]:
    found = workspaces_of(user).order_by("name")
    return [place for place in found if may(user, permission, place)]


def _choices(user: AnyUser) -> list[tuple[str, str]]:
    places = _places(user, Permission.RESPOND)
    several = len(places) > 1
    found = [
        (f"{place.slug}|{value}", f"{words} in {place.name}" if several else words)
        for place in places
        for value, words in stops.choices_in(place)
    ]
    if getattr(user, "is_superuser", False):
        found.append((_EVERYWHERE, "Everything in the whole installation"))
    return found


def _page(request: HttpRequest, form: StopForm | None, *, status: int = 200) -> HttpResponse:
    approves = {place.pk for place in _places(request.user, Permission.APPROVE)}
    context = {
        "form": form,
        "stops": stops.stops_for(request.user, approves),
        "ended": stops.lately_ended(request.user),
        "freezes": stops.freezes_for(request.user),
    }
    return render(request, "remediation/stop.html", context, status=status)


@answers_refusals
def stop(request: HttpRequest) -> HttpResponse:
    """Look at what is stopped, or stop more."""
    choices = _choices(request.user)
    if request.method != "POST":
        return _page(request, StopForm(choices=choices) if choices else None)
    if not choices:
        raise NotPermitted(Permission.RESPOND)
    form = StopForm(request.POST, choices=choices)
    if not form.is_valid():
        return _page(request, form, status=422)
    slug, scope, value = form.cleaned_data["what"].split("|", 2)
    place = None if slug == "*" else workspaces_of(request.user).get(slug=slug)
    try:
        switch = commands.stop(
            workspace=place,
            scope=scope,
            value=value,
            reason=form.cleaned_data["reason"],
            by=person(request),
        )
    except Refused as refused:
        form.add_error(None, f"{refused}.")
        return _page(request, form, status=422)
    toast(request, f"Stopped: {stops.in_words(switch)}.")
    return redirect(request, "remediation:stop")


@writes
def start_again(request: HttpRequest, switch_id: UUID) -> HttpResponse:
    switch = get_object_or_404(stops.visible(request.user), pk=switch_id)
    try:
        commands.start_again(
            switch=switch, by=person(request), reason=request.POST.get("reason", "")
        )
    except Refused as refused:
        return overtaken(request, f"{refused}.")
    except Conflict:
        return overtaken(request, "Somebody else has let it go on already.")
    toast(request, f"Goes on: {stops.in_words(switch)}.")
    return redirect(request, "remediation:stop")
